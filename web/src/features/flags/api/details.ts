import type { Flag } from '@/features/flags/api/flags';
import { changedParts } from '@/lib/changed';

/** What a person can edit of a flag beside its variations and its targeting. */
export interface Details {
  name: string;
  description: string;
  tags: string[];
  /** Whether SDKs with the mobile key may evaluate it. */
  mobile: boolean;
  /** Whether SDKs with the client-side ID may. */
  browser: boolean;
  temporary: boolean;
  /** The id of an account member; empty for nobody. */
  maintainer: string;
}

export function detailsOf(flag: Flag): Details {
  return {
    name: flag.name, description: flag.description ?? '', tags: flag.tags, temporary: flag.temporary, maintainer: flag.maintainerId ?? '',
    mobile: flag.clientSideAvailability.usingMobileKey, browser: flag.clientSideAvailability.usingEnvironmentId,
  };
}

const paths: Record<keyof Details, string> = {
  name: '/name', description: '/description', tags: '/tags', temporary: '/temporary', maintainer: '/maintainerId',
  mobile: '/clientSideAvailability/usingMobileKey', browser: '/clientSideAvailability/usingEnvironmentId',
};

export interface Operation {
  op: 'test' | 'add';
  path: string;
  value: unknown;
}

/** The JSON Patch that saves what differs, each only over what it was when it was edited. */
export function patchOf(before: Details, after: Details): Operation[] {
  return changedParts(before, after).flatMap((name): Operation[] => {
    const add: Operation = { op: 'add', path: paths[name], value: after[name] };
    // A text that was not there has no value to test.
    return before[name] === '' ? [add] : [{ op: 'test', path: paths[name], value: before[name] }, add];
  });
}

import { queryOptions } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import type { components } from '@/lib/api/schema';

export type Session = components['schemas']['Session'];
export type Member = components['schemas']['Member'];

/** Who is signed in, with what they may change of themselves. */
export const accountQuery = queryOptions({
  queryKey: ['session', 'account'],
  queryFn: async ({ signal }) => answered(await api.GET('/api/v2/session', { signal })),
});

export interface OwnDetails {
  firstName: string;
  lastName: string;
  email: string;
}

export function ownDetails(member: Member): OwnDetails {
  return { firstName: member.firstName ?? '', lastName: member.lastName ?? '', email: member.email };
}

export async function saveOwnDetails(changes: Partial<OwnDetails>): Promise<Member> {
  return answered(await api.PATCH('/api/v2/members/{memberId}', { params: { path: { memberId: 'me' } }, body: { merge: changes } }));
}

/** Sets the password; all other sessions by password end. The present one is empty for who has none yet. */
export async function changePassword(present: string, password: string): Promise<void> {
  await api.PUT('/api/v2/session/password', { body: { password, ...(present === '' ? {} : { presentPassword: present }) } });
}

/** Ends the other sessions that were begun with the same token or password. */
export async function endOtherSessions(): Promise<void> {
  await api.DELETE('/api/v2/session/others');
}

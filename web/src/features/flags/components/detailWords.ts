import type { Details } from '@/features/flags/api/details';
import { ApiError } from '@/lib/api/error';

/** Whether a change was refused because somebody else's came first. */
export function isOvertaken(error: Error | null): boolean {
  return error instanceof ApiError && (error.status === 409 || error.status === 412);
}

/** What a detail is now, as a sentence. */
export function detailWords(name: keyof Details, { [name]: value }: Details): string {
  const now = Array.isArray(value) ? value.join(', ') : value;
  switch (name) {
    case 'name': return `Name is now “${now}”.`;
    case 'description': return `Description is now “${now}”.`;
    case 'tags': return `Tags are now ${now === '' ? 'none' : now}.`;
    case 'maintainer': return now === '' ? 'It has no maintainer now.' : 'It has another maintainer now.';
    case 'mobile': return `SDKs with the mobile key may ${value === true ? 'evaluate it now' : 'not evaluate it any more'}.`;
    case 'browser': return `SDKs with the client-side ID may ${value === true ? 'evaluate it now' : 'not evaluate it any more'}.`;
    case 'temporary': return value === true ? 'It is temporary now.' : 'It is permanent now.';
  }
}

import type { AuditEntry } from '@/features/audit/api/audit';

/** What was done, as a sentence without its subject: "Updated the name of High-intent shoppers". */
export function whatWords(entry: Pick<AuditEntry, 'titleVerb' | 'name'>): string {
  const words = `${entry.titleVerb ?? ''} ${entry.name}`.trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What kind of actor it was. */
export function actorWords(entry: Pick<AuditEntry, 'member' | 'token'>): string {
  if (entry.token?.serviceToken) return 'Service token';
  if (entry.token) return entry.member ? `Token of ${memberName(entry.member)}` : 'Token';
  return entry.member ? 'Person' : 'muster itself, or gone since';
}

function memberName({ firstName, lastName, email }: NonNullable<AuditEntry['member']>): string {
  return [firstName, lastName].filter(Boolean).join(' ') || (email ?? 'somebody');
}

/** A resource such as "proj/web:env/test:segment/a" by the kinds of its levels. */
export function levelsOf(resource: string): Partial<Record<string, string>> {
  return Object.fromEntries(resource.split(':').map((level) => {
    const [kind = '', name = ''] = level.split(/\/(.*)/s);
    return [kind, name];
  }));
}

/** Where it was: "web, production", or the account. */
export function whereWords(entry: Pick<AuditEntry, 'target'>): string {
  const { proj, env } = levelsOf(entry.target?.resources[0] ?? '');
  return proj === undefined ? 'Account' : [proj, env].filter(Boolean).join(', ');
}

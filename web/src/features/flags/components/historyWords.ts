import type { AuditEntry } from '@/features/flags/api/history';

/** Who did it. */
export function actorOf(entry: Pick<AuditEntry, 'subject' | 'token'>): string {
  const name = entry.subject?.name;
  return name !== undefined && name !== '' ? name : (entry.token?.name ?? 'Somebody');
}

/** Where it was: the name of the environment, or that it is so in all. */
export function whereOf(entry: Pick<AuditEntry, 'accesses'>, names: Readonly<Record<string, string>>): string {
  const keys = new Set(entry.accesses.map(({ resource }) => /:env\/([^:;]+)/.exec(resource)?.[1]).filter((key) => key !== undefined));
  const [only] = keys;
  return keys.size === 1 && only !== undefined ? (names[only] ?? only) : 'all environments';
}

/** What was done to the flag: "turned it on", "updated its rules", "created the flag". */
export function deedOf(entry: Pick<AuditEntry, 'titleVerb'>): string {
  const verb = entry.titleVerb ?? 'changed';
  const turned = /^turned (on|off)$/.exec(verb)?.[1];
  if (turned !== undefined) return `turned it ${turned}`;
  const part = /^updated the (.+) of$/.exec(verb)?.[1];
  if (part !== undefined) return `updated its ${part}`;
  return verb.endsWith('the flag') ? verb : `${verb} it`;
}

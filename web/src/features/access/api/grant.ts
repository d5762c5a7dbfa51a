import type { components } from '@/lib/api/schema';

export type Statement = components['schemas']['Statement'];

export const builtInRoles = ['reader', 'writer', 'admin', 'no_access'] as const;
export type BuiltInRole = (typeof builtInRoles)[number];

/** What a person or a token may do: one of the three. */
export interface Grant {
  kind: 'builtIn' | 'custom' | 'inline';
  role: BuiltInRole;
  /** Ids. */
  customRoles: string[];
  /** A policy of its own, as text. */
  policy: string;
}

export const noPolicy = '[]';

/** The grant of a role that is built in. */
export function builtIn(role: BuiltInRole): Grant {
  return { kind: 'builtIn', role, customRoles: [], policy: noPolicy };
}

/** What is built in, in words. */
export const builtInWords: Record<BuiltInRole | 'owner', { name: string; may: string }> = {
  reader: { name: 'Reader', may: 'Sees everything, changes nothing.' },
  writer: { name: 'Writer', may: 'Changes projects, environments, segments, flags, destinations and webhooks, but not access and relays.' },
  admin: { name: 'Admin', may: 'May do everything, but not change or remove the owner.' },
  no_access: { name: 'No access', may: 'Sees and changes nothing.' },
  owner: { name: 'Owner', may: 'May do everything. There is one.' },
};

/** A grant as people read it: the name of the role, the names of custom roles, or how long a policy of its own is. */
export function grantWords(of: { role?: string; customRoles?: readonly string[]; policy?: readonly Statement[] }, roleName: (id: string) => string): string {
  if (of.policy) return `Own policy, ${of.policy.length} ${of.policy.length === 1 ? 'statement' : 'statements'}`;
  if (of.customRoles && of.customRoles.length > 0) return of.customRoles.map(roleName).join(', ');
  return builtInWords[of.role as BuiltInRole | undefined ?? 'no_access'].name;
}

/** What is wrong with a grant that a person is making; false if nothing is. */
export function grantProblem(grant: Grant, policyProblem: string | undefined): string | false {
  if (grant.kind === 'custom' && grant.customRoles.length === 0) return 'Choose a custom role.';
  if (grant.kind === 'inline' && policyProblem !== undefined) return policyProblem;
  return false;
}

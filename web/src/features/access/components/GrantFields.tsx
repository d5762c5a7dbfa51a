import { MultiSelect, Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';

import { builtInRoles, builtInWords, type BuiltInRole, type Grant } from '@/features/access/api/grant';
import type { PolicyProblem } from '@/features/access/api/policyText';
import { allRolesQuery } from '@/features/access/api/roles';
import { PolicyEditor } from '@/features/access/components/PolicyEditor';

const below = ['label', 'input', 'error', 'description'] as const;
const custom = 'custom';
const inline = 'inline';

interface GrantFieldsProps {
  grant: Grant;
  onChange: (grant: Grant) => void;
  /** Whose access it is: people can have none, tokens a policy of their own. */
  of: 'member' | 'token';
  /** What is missing, once somebody tried to save. */
  error?: string | false;
  problem?: PolicyProblem;
}

/** Chooses what a person or a token may do. */
export function GrantFields({ grant, onChange, of, error, problem }: GrantFieldsProps) {
  const { data: roles } = useQuery(allRolesQuery);
  const builtIns = builtInRoles.filter((role) => of === 'member' || role !== 'no_access').map((role) => ({ value: role, label: builtInWords[role].name }));
  const own = of === 'token' ? [{ value: inline, label: 'A policy of its own' }] : [];
  const choose = (value: string | null) => {
    if (value === custom || value === inline) onChange({ ...grant, kind: value });
    else if (value !== null) onChange({ ...grant, kind: 'builtIn', role: value as BuiltInRole });
  };
  const about = {
    builtIn: builtInWords[grant.role].may, custom: 'What one of them allows is allowed.', inline: 'It may do what the policy allows, and nothing else.',
  }[grant.kind];
  return (
    <>
      <Select
        label="Role" data={[...builtIns, { value: custom, label: 'Custom roles' }, ...own]} value={grant.kind === 'builtIn' ? grant.role : grant.kind} onChange={choose} allowDeselect={false}
        description={about} inputWrapperOrder={[...below]}
      />
      {grant.kind === 'custom' && (
        <MultiSelect
          label="Custom roles" data={(roles ?? []).map((role) => ({ value: role._id, label: role.name }))} value={grant.customRoles} searchable error={error}
          onChange={(customRoles) => onChange({ ...grant, customRoles })} placeholder={grant.customRoles.length === 0 ? 'Choose' : undefined}
          nothingFoundMessage="There is no custom role yet. Make one under Roles." inputWrapperOrder={[...below]}
        />
      )}
      {grant.kind === 'inline' && <PolicyEditor text={grant.policy} onChange={(policy) => onChange({ ...grant, policy })} problem={problem} />}
    </>
  );
}

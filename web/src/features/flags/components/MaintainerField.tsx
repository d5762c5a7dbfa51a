import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { SearchSelect } from '@/components/SearchSelect';
import { foundMembersQuery, memberName, memberQuery } from '@/features/flags/api/members';

interface MaintainerFieldProps {
  /** The id of an account member; empty for nobody. */
  value: string;
  onChange: (id: string) => void;
  refused: string | undefined;
}

/** Who answers for the flag: an account member, looked for by name or address. */
export function MaintainerField({ value, onChange, refused }: MaintainerFieldProps) {
  const [words, setWords] = useState('');
  const { data: chosen } = useQuery({ ...memberQuery(value), enabled: value !== '' });
  const { data: found = [], error } = useQuery({ ...foundMembersQuery(words), enabled: refused === undefined });
  return (
    <SearchSelect
      label="Maintainer" placeholder="Nobody" value={value === '' ? undefined : value} chosen={chosen && memberName(chosen)}
      found={found.map((member) => ({ value: member._id, label: memberName(member) }))} onWords={setWords} onChange={(id) => onChange(id ?? '')}
      clearable clearButtonProps={{ 'aria-label': 'Clear maintainer' }} readOnly={refused !== undefined || error !== null}
      description={refused ?? (error ? 'The account members cannot be listed.' : undefined)} inputWrapperOrder={['label', 'input', 'error', 'description']}
      nothingFoundMessage="No account member is called that."
    />
  );
}

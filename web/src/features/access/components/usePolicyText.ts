import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';

import { refusalQuery } from '@/features/access/api/policy';
import { isProblem, readPolicy, refusedAt, type PolicyProblem, type ReadPolicy } from '@/features/access/api/policyText';

const nothing: ReadPolicy = { statements: [], located: [] };

/** Reads a policy that is being edited: what it says, and what is wrong with it, here or by the server's word. */
export function usePolicyText(text: string): { policy: ReadPolicy | undefined; problem: PolicyProblem | undefined } {
  const read = useMemo(() => readPolicy(text), [text]);
  const policy = isProblem(read) ? nothing : read;
  const [asked] = useDebouncedValue(policy, 250);
  const { data: refusal } = useQuery({ ...refusalQuery(asked.statements), enabled: asked.statements.length > 0 });
  if (isProblem(read)) return { policy: undefined, problem: read };
  // An answer about an older text says nothing of this one.
  const refused = asked === policy && asked.statements.length > 0 ? refusal?.message : undefined;
  return { policy: read, problem: refused === undefined ? undefined : refusedAt(refused, read) };
}

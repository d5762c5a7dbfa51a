import { Button, Group, Modal, Select, Switch, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type SyntheticEvent } from 'react';

import { Note } from '@/components/Note';
import { builtIn, grantProblem, type Grant } from '@/features/access/api/grant';
import { createToken, type Token } from '@/features/access/api/tokens';
import classes from '@/features/access/components/Access.module.css';
import { GrantFields } from '@/features/access/components/GrantFields';
import { PolicyWords } from '@/features/access/components/PolicyWords';
import { TokenSecret } from '@/features/access/components/TokenSecret';
import { lifetimes } from '@/features/access/components/tokenWords';
import { usePolicyText } from '@/features/access/components/usePolicyText';
import { sentence } from '@/lib/sentence';

/** Makes an access token and shows its text once. */
export function CreateToken({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Create a token" size={560} radius={12} closeButtonProps={{ 'aria-label': 'Close' }}>
      <NewToken onDone={onClose} />
    </Modal>
  );
}

function NewToken({ onDone }: { onDone: () => void }) {
  const client = useQueryClient();
  const [made, setMade] = useState<Token>();
  const [name, setName] = useState('');
  const [grant, setGrant] = useState<Grant>(() => builtIn('reader'));
  const [service, setService] = useState(false);
  const [lifetime, setLifetime] = useState<(typeof lifetimes)[number]['value']>('never');
  const [tried, setTried] = useState(false);
  const { policy, problem } = usePolicyText(grant.policy);
  const create = useMutation({
    mutationFn: () => {
      const ms = lifetimes.find(({ value }) => value === lifetime)?.ms;
      return createToken({ name: name.trim(), grant, policy: policy?.statements ?? [], service, expiry: ms === undefined ? undefined : Date.now() + ms });
    },
    onSuccess: (token) => {
      setMade(token);
      void client.invalidateQueries({ queryKey: ['tokens', 'list'] });
    },
  });
  const policyWrong = problem ? `Line ${problem.line}: ${sentence(problem.message)}` : policy?.statements.length === 0 ? 'Write a statement.' : undefined;
  const wrong = { name: name.trim() === '' && 'Type a name.', grant: grantProblem(grant, policyWrong) };
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (!wrong.name && !wrong.grant) create.mutate();
  };
  if (made) {
    return (
      <div className={classes.fields}>
        <p>“{made.name}” works at once.</p>
        <TokenSecret secret={made.token} />
        <Group justify="flex-end"><Button onClick={onDone}>Done</Button></Group>
      </div>
    );
  }
  return (
    <form onSubmit={submit} noValidate className={classes.fields}>
      {create.error && <Note tone="bad" role="alert">{sentence(create.error.message)}</Note>}
      <TextInput
        label="Name" value={name} onChange={(event) => setName(event.currentTarget.value)} error={tried && wrong.name} placeholder="What will send it" maxLength={256} data-autofocus autoComplete="off"
      />
      <GrantFields of="token" grant={grant} onChange={setGrant} error={tried && wrong.grant} problem={grant.kind === 'inline' ? problem : undefined} />
      {grant.kind === 'inline' && policy && !problem && <PolicyWords statements={policy.statements} base="no_access" />}
      {grant.kind === 'inline' && tried && policyWrong === 'Write a statement.' && <Note tone="bad" role="alert">The policy is empty: the token could do nothing. Write a statement.</Note>}
      <Select label="Expires" data={lifetimes.map(({ value, label }) => ({ value, label }))} value={lifetime} onChange={(value) => value && setLifetime(value)} allowDeselect={false} />
      <Switch
        label="Service token" description="It is nobody’s own, may do what its role says also after you have left, and needs no account member behind it." checked={service}
        onChange={(event) => setService(event.currentTarget.checked)}
      />
      <Group justify="flex-end" mt={6} gap={8}>
        <Button variant="default" onClick={onDone}>Cancel</Button>
        <Button type="submit" loading={create.isPending}>Create token</Button>
      </Group>
    </form>
  );
}

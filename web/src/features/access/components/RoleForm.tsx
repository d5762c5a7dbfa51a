import { Select, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';

import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import { SaveBar } from '@/components/SaveBar';
import { useVocabulary } from '@/features/access/api/policy';
import { policyText } from '@/features/access/api/policyText';
import { editOf, roleQuery, saveRole, type Base, type Role, type RoleEdit } from '@/features/access/api/roles';
import { roleSearch } from '@/features/access/api/search';
import classes from '@/features/access/components/Access.module.css';
import { CanThey } from '@/features/access/components/CanThey';
import { PolicyEditor } from '@/features/access/components/PolicyEditor';
import { PolicyWords } from '@/features/access/components/PolicyWords';
import { usePolicyText } from '@/features/access/components/usePolicyText';
import { ApiError } from '@/lib/api/error';
import { useRefused } from '@/lib/api/permission';
import { changedParts } from '@/lib/changed';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

const bases: { value: Base; label: string }[] = [{ value: 'no_access', label: 'Nothing is allowed' }, { value: 'reader', label: 'Everything may be viewed' }];

/** Edits a role. Nothing counts before it is saved; the tester asks what is being edited. */
export function RoleForm({ role }: { role: Role }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const asked = roleSearch(useSearch({ strict: false }));
  const vocabulary = useVocabulary();
  const [base, setBase] = useState(() => editOf(role));
  const [words, setWords] = useState(base);
  const [text, setText] = useState(() => policyText(base.policy));
  const { policy, problem } = usePolicyText(text);
  const refused = useRefused('updatePolicy', `role/${role.key}`, 'this role');
  const edited: RoleEdit = { ...words, policy: policy?.statements ?? base.policy };
  const changes = changedParts(base, edited).length + (policy ? 0 : 1);
  const begin = (from: RoleEdit) => {
    setBase(from);
    setWords(from);
    setText(policyText(from.policy));
  };
  // Somebody else may change what nobody edits here: it is shown as it comes.
  if (changes === 0 && changedParts(base, editOf(role)).length > 0) begin(editOf(role));
  const save = useMutation({
    mutationFn: (over: RoleEdit) => saveRole(role.key, over, edited),
    onSuccess: (saved) => {
      client.setQueryData(roleQuery(role.key).queryKey, saved);
      begin(editOf(saved));
      toast(`Saved ${saved.name}. It counts from the next request on.`);
      void client.invalidateQueries({ queryKey: ['roles'] });
    },
    // Who is told that somebody was first may save over it at once: what there is by now comes before the words.
    onError: async (error) => {
      if (isOvertaken(error)) await client.invalidateQueries({ queryKey: roleQuery(role.key).queryKey });
    },
  });
  const edit = (part: Partial<RoleEdit>) => setWords({ ...words, ...part });
  const wrong = problem ?? (words.name.trim() === '' ? { message: 'type a name' } : undefined);
  return (
    <form
      className={classes.page}
      onSubmit={(event) => event.preventDefault()}
    >
      <Panel title="Details">
        <div className={classes.tester}>
          <TextInput label="Name" value={words.name} onChange={(event) => edit({ name: event.currentTarget.value })} maxLength={256} error={words.name.trim() === '' && 'Type a name.'} readOnly={refused !== undefined} />
          <TextInput label="Description" value={words.description} onChange={(event) => edit({ description: event.currentTarget.value })} readOnly={refused !== undefined} />
        </div>
      </Panel>
      <Panel title="Policy">
        {refused && <div className={classes.answer}><Note tone="info">{refused}</Note></div>}
        <div className={classes.policy}>
          <PolicyEditor text={text} onChange={setText} problem={problem} vocabulary={vocabulary} readOnly={refused !== undefined} />
          <div className={classes.fields}>
            <Select
              label="Where no statement matches" data={bases} value={words.basePermissions} allowDeselect={false} disabled={refused !== undefined}
              onChange={(value) => value && edit({ basePermissions: value })}
            />
            {policy && !problem && <PolicyWords statements={policy.statements} base={words.basePermissions} />}
          </div>
        </div>
      </Panel>
      <CanThey
        policy={policy && !problem ? { policy: policy.statements, basePermissions: words.basePermissions } : undefined} unsaved={changes > 0} vocabulary={vocabulary}
        action={asked.action ?? ''} resource={asked.resource ?? ''}
        onAsk={(search) => void navigate({ to: '/access/roles/$role', params: { role: role.key }, search, replace: true })}
      />
      {save.error && <Note tone="bad" role="alert">{isOvertaken(save.error) ? <><b>Somebody changed this role meanwhile.</b> Your edits are kept. Saving again replaces theirs, Discard takes theirs.</> : sentence(save.error.message)}</Note>}
      <div className={classes.bar}>
        <SaveBar
          changes={changes} busy={save.isPending}
          onDiscard={() => {
            save.reset();
            begin(editOf(role));
          }}
          onSave={() => {
            if (wrong) return;
            save.mutate(isOvertaken(save.error) ? editOf(role) : base);
          }}
        >
          {wrong && <> · {sentence(`it cannot be saved before it is right: ${problem ? `line ${problem.line}, ` : ''}${wrong.message}`)}</>}
        </SaveBar>
      </div>
    </form>
  );
}

/** Each part is tested for what it was: a patch that does not apply means that it is another by now. */
function isOvertaken(error: Error | null): boolean {
  return error instanceof ApiError && error.code === 'invalid_patch';
}

import { Select, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';

import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import { SaveBar } from '@/components/SaveBar';
import { roleQuery, saveRole, wordsOf, type Base, type Role } from '@/features/access/api/roles';
import { roleSearch } from '@/features/access/api/search';
import classes from '@/features/access/components/Access.module.css';
import { CanThey } from '@/features/access/components/CanThey';
import { PolicyEditor } from '@/features/access/components/PolicyEditor';
import { PolicyWords } from '@/features/access/components/PolicyWords';
import { usePolicyText } from '@/features/access/components/usePolicyText';
import { ApiError } from '@/lib/api/error';
import { useRefused } from '@/lib/api/permission';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';
import { useDetails } from '@/lib/useDetails';

const bases: { value: Base; label: string }[] = [{ value: 'no_access', label: 'Nothing is allowed' }, { value: 'reader', label: 'Everything may be viewed' }];

/** Edits a role. Nothing counts before it is saved; the tester asks what is being edited. */
export function RoleForm({ role }: { role: Role }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const asked = roleSearch(useSearch({ strict: false }));
  const refused = useRefused('updatePolicy', `role/${role.key}`, 'this role');
  const { edited, edit, ...saving } = useDetails(wordsOf(role), {
    save: (before, after) => saveRole(role.key, before, after),
    isOvertaken,
    onSaved: (saved) => {
      client.setQueryData(roleQuery(role.key).queryKey, saved);
      toast(`Saved ${saved.name}. It counts from the next request on.`);
      void client.invalidateQueries({ queryKey: ['roles'] });
    },
    onOvertaken: () => client.invalidateQueries({ queryKey: roleQuery(role.key).queryKey }),
  });
  const { policy, problem } = usePolicyText(edited.policy);
  const wrong = problem ?? (edited.name.trim() === '' ? { message: 'type a name' } : undefined);
  return (
    <form
      className={classes.page}
      onSubmit={(event) => event.preventDefault()}
    >
      <Panel title="Details">
        <div className={classes.tester}>
          <TextInput label="Name" value={edited.name} onChange={(event) => edit({ name: event.currentTarget.value })} maxLength={256} error={edited.name.trim() === '' && 'Type a name.'} readOnly={refused !== undefined} />
          <TextInput label="Description" value={edited.description} onChange={(event) => edit({ description: event.currentTarget.value })} readOnly={refused !== undefined} />
        </div>
      </Panel>
      <Panel title="Policy">
        {refused && <div className={classes.answer}><Note tone="info">{refused}</Note></div>}
        <div className={classes.policy}>
          <PolicyEditor text={edited.policy} onChange={(text) => edit({ policy: text })} problem={problem} readOnly={refused !== undefined} />
          <div className={classes.fields}>
            <Select
              label="Where no statement matches" data={bases} value={edited.basePermissions} allowDeselect={false} disabled={refused !== undefined}
              onChange={(value) => value && edit({ basePermissions: value })}
            />
            {policy && !problem && <PolicyWords statements={policy.statements} base={edited.basePermissions} />}
          </div>
        </div>
      </Panel>
      <CanThey
        policy={policy && !problem ? { policy: policy.statements, basePermissions: edited.basePermissions } : undefined} unsaved={saving.changes.length > 0}
        action={asked.action ?? ''} resource={asked.resource ?? ''}
        onAsk={(search) => void navigate({ to: '/access/roles/$role', params: { role: role.key }, search, replace: true })}
      />
      {saving.error && <Note tone="bad" role="alert">{saving.overtaken ? <><b>Somebody changed this role meanwhile.</b> Your edits are kept. Saving again replaces theirs, Discard takes theirs.</> : sentence(saving.error.message)}</Note>}
      <div className={classes.bar}>
        <SaveBar
          changes={saving.changes.length} busy={saving.busy} onDiscard={saving.discard}
          onSave={() => {
            if (!wrong) saving.submit();
          }}
        >
          {wrong && <> · {sentence(`it cannot be saved before it is right: ${problem ? `line ${problem.line}, ` : ''}${wrong.message}`)}</>}
        </SaveBar>
      </div>
    </form>
  );
}

/** Each part is tested for what it was: a patch that does not apply means that it is another by now. */
function isOvertaken(error: Error): boolean {
  return error instanceof ApiError && error.code === 'invalid_patch';
}

import { Autocomplete } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';

import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import { trialQuery, useVocabulary, type Question } from '@/features/access/api/policy';
import classes from '@/features/access/components/Access.module.css';
import { sentence } from '@/lib/sentence';

const below = ['label', 'input', 'error', 'description'] as const;
const shown = 50;

interface CanTheyProps {
  /** The policy that is asked, as it is edited; undefined while it is none. */
  policy: Pick<Question, 'policy' | 'basePermissions'> | undefined;
  unsaved: boolean;
  action: string;
  resource: string;
  onAsk: (asked: { action?: string; resource?: string }) => void;
}

/** Asks a policy whether it allows something, and which statement decides. */
export function CanThey({ policy, unsaved, action, resource, onAsk }: CanTheyProps) {
  const vocabulary = useVocabulary(resource);
  const ask = (part: { action?: string; resource?: string }) => {
    const next = { action, resource, ...part };
    onAsk({ action: next.action || undefined, resource: next.resource || undefined });
  };
  return (
    <Panel title="Can they?">
      <div className={classes.tester}>
        <Autocomplete
          label="Action" data={vocabulary.actions.slice(1)} limit={shown} value={action} onChange={(value) => ask({ action: value })} placeholder="updateIncluded" spellCheck={false}
          autoComplete="off" inputWrapperOrder={[...below]}
        />
        <Autocomplete
          label="Resource" data={vocabulary.resources.slice(1)} limit={shown} value={resource} onChange={(value) => ask({ resource: value })} spellCheck={false} autoComplete="off"
          placeholder="proj/default:env/production:segment/vip" inputWrapperOrder={[...below]} description="One resource, with its tags behind a semicolon: segment/vip;crm"
        />
        <div className={classes.answer} role="status">
          {policy === undefined && <p className={classes.faint}>The policy has to be right before it can be asked.</p>}
          {policy && (action === '' || resource === '') && <p className={classes.faint}>Name an action and a resource.</p>}
          {policy && action !== '' && resource !== '' && <Answer question={{ ...policy, action, resource }} unsaved={unsaved} />}
        </div>
      </div>
    </Panel>
  );
}

function Answer({ question, unsaved }: { question: Question; unsaved: boolean }) {
  const [asked] = useDebouncedValue(question, 200);
  const { data, error } = useQuery(trialQuery(asked));
  if (error) return <Note tone="bad">{sentence(error.message)}</Note>;
  if (!data) return null;
  return <Note tone={data.allowed ? 'ok' : 'bad'}><b>{data.message}</b>{unsaved && ' Uses your unsaved change.'}</Note>;
}

import { NumberInput, Switch } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { ErrorState } from '@/components/ErrorState';
import { GuardLimit } from '@/components/GuardLimit';
import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import { SaveBar } from '@/components/SaveBar';
import classes from '@/components/GuardPanel.module.css';
import { guardQuery, saveGuard, trialQuery, type Guard, type GuardScope, type Limits } from '@/lib/api/guard';
import { inEnvironment } from '@/lib/api/environment';
import { useLive } from '@/lib/live/useLive';
import { counted, digits } from '@/lib/number';
import { sentence } from '@/lib/sentence';
import { longDuration } from '@/lib/time';
import { toast } from '@/lib/toast';

const limitNames = { shrinkPercent: 'removals', allowEmpty: 'emptying', growthPercent: 'additions' };

/** What a limit is while it is switched off and on again, before somebody has said another. */
const usual = { shrinkPercent: 30, growthPercent: 100 };

interface GuardPanelProps {
  of: GuardScope;
  /** The tool that syncs the segment, if one does. */
  tool?: string;
  title?: string;
  /** Why this person may not change it. */
  refused?: string;
}

/** Which syncs are held until a person has looked: those of a segment, of a source or of an environment. */
export function GuardPanel({ of, tool, title = 'Guard', refused }: GuardPanelProps) {
  const client = useQueryClient();
  const { data: guard, error, refetch } = useQuery(guardQuery(of));
  // The limits of an environment and of its sources are part of the environment, those of a segment part of that.
  useLive('catalog', ({ kind, key }) => {
    if (kind !== 'environment' && (kind !== 'segment' || key !== of.segment)) return;
    void client.invalidateQueries({ queryKey: guardQuery(of).queryKey });
    void client.invalidateQueries({ queryKey: inEnvironment(of, 'guard') });
  });
  return (
    <Panel title={title} actions={<span className={classes.what}>Keeps a bad sync out until a person has looked</span>}>
      {error && !guard && <ErrorState title="The guard could not be loaded. It goes on as it is set." error={error} onRetry={() => void refetch()} />}
      {guard && <GuardForm of={of} tool={tool} guard={guard} refused={refused} />}
    </Panel>
  );
}

interface GuardFormProps {
  of: GuardScope;
  tool: string | undefined;
  guard: Guard;
  refused: string | undefined;
}

function GuardForm({ of, tool, guard, refused }: GuardFormProps) {
  const client = useQueryClient();
  const above = aboveOf(of, tool);
  const { data: handedDown } = useQuery({ ...guardQuery(above ?? of), enabled: above !== undefined });
  const [edits, setEdits] = useState<Partial<Limits>>({});
  const limits: Limits = { shrinkPercent: guard.shrinkPercent, allowEmpty: guard.allowEmpty, growthPercent: guard.growthPercent, ...edits };
  const changed = Object.fromEntries(Object.entries(edits).filter(([name, value]) => guard[name as keyof Limits] !== value)) as Partial<Limits>;
  const keep = (saved: Guard) => {
    client.setQueryData(guardQuery(of).queryKey, saved);
    // What inherits from here counts otherwise now, and so does what segments say of their guards.
    void client.invalidateQueries({ queryKey: inEnvironment(of, 'guard') });
    void client.invalidateQueries({ queryKey: inEnvironment(of, 'segment') });
  };
  const save = useMutation({
    mutationFn: () => saveGuard(of, changed),
    onSuccess: (saved) => {
      keep(saved);
      setEdits({});
      toast('Saved the guard. It looks at the next sync.');
    },
  });
  const follow = useMutation({
    mutationFn: (limit: keyof Limits) => saveGuard(of, { inherited: [limit] }),
    onSuccess: (saved, limit) => {
      keep(saved);
      toast(`The limit on ${limitNames[limit]} follows the ${saved.origins[limit]} again: ${inWords(saved, limit)}.`);
    },
  });
  const edit = (change: Partial<Limits>) => {
    save.reset();
    setEdits({ ...edits, ...change });
  };
  const locked = refused !== undefined;
  const limit = (name: keyof Limits) => ({
    name: limitNames[name], from: guard.inherited.includes(name) && !(name in changed) ? guard.origins[name] : undefined, busy: follow.isPending,
    whom: above === undefined ? 'default' : handedDown?.origins[name],
    // Following again is a change of its own, which does not mix with edits that are not saved.
    onFollow: locked || Object.keys(changed).length > 0 ? undefined : () => follow.mutate(name),
  });
  return (
    <>
      <div className={classes.limits}>
        <GuardLimit
          {...limit('shrinkPercent')}
          toggle={(
            <Switch
              aria-label="Hold a sync that removes too many" checked={limits.shrinkPercent !== null} disabled={locked}
              onChange={(event) => edit({ shrinkPercent: event.currentTarget.checked ? usual.shrinkPercent : null })}
            />
          )}
        >
          <span>Hold a sync that would remove more than</span>
          <Percent label="Percent that may leave" value={limits.shrinkPercent} locked={locked} most={100} onChange={(shrinkPercent) => edit({ shrinkPercent })} />
          <span>% in {longDuration(guard.windowSeconds * 1000)}</span>
        </GuardLimit>
        <GuardLimit
          {...limit('allowEmpty')}
          toggle={(
            <Switch
              aria-label={`Hold a sync that empties ${of.segment === undefined ? 'a' : 'the'} segment`} checked={!limits.allowEmpty} disabled={locked}
              onChange={(event) => edit({ allowEmpty: !event.currentTarget.checked })}
            />
          )}
        >
          <span>Hold a sync that would empty {of.segment === undefined ? 'a' : 'the'} segment</span>
        </GuardLimit>
        <GuardLimit
          {...limit('growthPercent')}
          toggle={(
            <Switch
              aria-label="Hold a sync that adds too many" checked={limits.growthPercent !== null} disabled={locked}
              onChange={(event) => edit({ growthPercent: event.currentTarget.checked ? usual.growthPercent : null })}
            />
          )}
        >
          <span>Hold a sync that would add more than</span>
          <Percent label="Percent that may join" value={limits.growthPercent} locked={locked} most={1_000_000} onChange={(growthPercent) => edit({ growthPercent })} />
          <span>%</span>
        </GuardLimit>
        <Trial of={of} limits={limits} />
        {guard.minMembers > 0 && <p className={classes.hint}>Segments of fewer than {counted(guard.minMembers, 'member')} are not guarded.</p>}
        {refused && <p className={classes.hint}>{refused}</p>}
        {follow.error && <Note tone="bad" role="alert">{sentence(follow.error.message)}</Note>}
        {save.error && <Note tone="bad" role="alert">{sentence(save.error.message)}</Note>}
      </div>
      <SaveBar inPanel changes={Object.keys(changed).length} onSave={() => save.mutate()} onDiscard={() => setEdits({})} busy={save.isPending} />
    </>
  );
}

/** Whose guard hands limits down to this one; the environment's inherits from nobody. */
function aboveOf({ project, environment, segment, source }: GuardScope, tool: string | undefined): GuardScope | undefined {
  if (segment !== undefined) return { project, environment, source: tool };
  return source === undefined ? undefined : { project, environment };
}

function inWords(guard: Guard, limit: keyof Limits): string {
  if (limit === 'allowEmpty') return guard.allowEmpty ? 'off' : 'on';
  const percent = guard[limit];
  return percent === null ? 'off' : `${digits(percent)} %`;
}

interface PercentProps {
  label: string;
  value: number | null;
  most: number;
  locked: boolean;
  onChange: (value: number) => void;
}

function Percent({ label, value, most, locked, onChange }: PercentProps) {
  return (
    <NumberInput
      aria-label={label} value={value ?? ''} min={0} max={most} w={68} placeholder="–" hideControls allowNegative={false} decimalScale={2} clampBehavior="strict"
      disabled={locked || value === null} onChange={(next) => typeof next === 'number' && onChange(next)}
    />
  );
}

/** What the limits would have meant for the syncs there were. */
function Trial({ of, limits }: { of: GuardScope; limits: Limits }) {
  const { data, isPending } = useQuery({ ...trialQuery(of, limits), placeholderData: (before) => before });
  if (isPending || !data) return <p className={classes.hint}>&nbsp;</p>;
  if (data.runs === 0) return <p className={classes.hint}>There was no sync yet to try these limits on.</p>;
  return <p className={classes.hint}>With these limits, {digits(data.held)} of the last {counted(data.runs, 'sync', 'syncs')} would have been held.</p>;
}

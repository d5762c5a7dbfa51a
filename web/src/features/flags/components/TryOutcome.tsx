import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { Note } from '@/components/Note';
import type { FlagPlace, Instruction } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import { same, type Targeting } from '@/features/flags/api/targeting';
import { joinedQuery, trialQuery, type Context, type Outcome } from '@/features/flags/api/trial';
import type { Names } from '@/features/flags/components/changeWords';
import { heldBy, reasonWords, type Trial } from '@/features/flags/components/trialWords';
import classes from '@/features/flags/components/TryContext.module.css';
import { counted } from '@/lib/number';
import { failureSentence } from '@/lib/sentence';

interface TryOutcomeProps {
  at: FlagPlace;
  flag: Flag;
  names: Names;
  context: Context;
  /** What was tried: the edited targeting, or the saved one while the other is not fit to be saved. */
  targeting: Targeting;
  saved: Targeting;
  instructions: Instruction[] | undefined;
}

const nobodyKnows = new Map<string, undefined>();

/** What the context is served, and why; and what the saved version serves it. */
export function TryOutcome({ at, flag, names, context, targeting, saved, instructions }: TryOutcomeProps) {
  const { data, error } = useQuery({ ...trialQuery(at, flag._version, context, instructions ?? []), placeholderData: keepPreviousData });
  const { data: joined = nobodyKnows } = useQuery(joinedQuery(at, context));
  if (error) return <div className={classes.outcome}><Note tone="bad" role="alert"><b>It could not be evaluated.</b> {failureSentence(error)}</Note></div>;
  if (!data) return <p className={classes.outcome} role="status">Evaluating…</p>;
  const trial: Trial = { targeting, context, joined };
  const segment = heldBy(data.changed, trial);
  return (
    <div className={classes.outcome}>
      <Note tone={data.changed.reason.kind === 'ERROR' ? 'bad' : 'ok'} role="status">
        <b>Serves <Value of={data.changed} />.</b>
        <p>{reasonWords(names, data.changed, trial)}</p>
        {segment !== undefined && (
          <Link to="/projects/$project/environments/$environment/segments/$segment/members" params={{ ...at, segment }} search={{ context: context.key }}>Why in the segment?</Link>
        )}
      </Note>
      {instructions === undefined && <p className={classes.hint}>This is the saved version: your edits have to be put right before they can be tried.</p>}
      {instructions !== undefined && instructions.length > 0 && (
        <p className={classes.hint}>
          Uses your {counted(instructions.length, 'unsaved change').replace(/^1 /, '')}. Saved version serves <Value of={data.saved} />
          {same(data.saved._value, data.changed._value) ? ' too.' : `: ${reasonWords(names, data.saved, { ...trial, targeting: saved })}`}
        </p>
      )}
    </div>
  );
}

function Value({ of }: { of: Outcome }) {
  return of._value === null || of._value === undefined ? <>the default in the code</> : <code className={classes.value}>{JSON.stringify(of._value)}</code>;
}

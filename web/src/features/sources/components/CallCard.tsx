import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';

import { Count } from '@/components/Count';
import { Note } from '@/components/Note';
import { StatePill } from '@/components/StatePill';
import { refusal } from '@/features/sources/api/refusal';
import type { Run } from '@/features/sources/api/connect';
import { accepted, type Call } from '@/features/sources/api/useCalls';
import classes from '@/features/sources/components/Source.module.css';
import { counted, digits } from '@/lib/number';
import type { Place } from '@/lib/place';
import { sentence } from '@/lib/sentence';
import { exactTime } from '@/lib/time';

interface CallCardProps {
  place: Place;
  environment: string;
  tool: string;
  call: Call;
  /** Where the steps are that a refusal names, if not on this page. */
  guide?: string;
  /** One of many: it leads to its segment from its head, and says no more than that. */
  brief?: boolean;
}

/** One call of a tool: what it brought, or why it was refused and what to do. */
export function CallCard({ place, environment, tool, call, guide, brief = false }: CallCardProps) {
  const { run } = call;
  const held = run?.state === 'held';
  const took = run?.liveAt === undefined ? undefined : run.liveAt - run.receivedAt;
  return (
    <article className={classes.call} aria-label={`Call at ${exactTime(call.at)}`}>
      <div className={classes.callHead}>
        <time dateTime={new Date(call.at).toISOString()}>{exactTime(call.at)}</time>
        {accepted(call)
          ? <StatePill state={held ? 'held' : 'live'} word={held ? undefined : 'Accepted'} />
          : <StatePill state="failed" word={call.status === undefined ? 'Refused' : `Refused, ${call.status}`} />}
        {brief && run && run.segmentKey !== '' && (
          <Link to="/projects/$project/environments/$environment/segments/$segment" params={{ ...place, segment: run.segmentKey }} title={run.segmentKey}>{run.segmentName ?? run.segmentKey}</Link>
        )}
        <span className={classes.callEnd}>
          {[call.status !== undefined && accepted(call) && (took === undefined ? call.status : `${call.status} in ${digits(took)} ms`), run?.userAgent && `from ${run.userAgent}`].filter(Boolean).join(', ')}
        </span>
      </div>
      <div className={classes.callBody}>
        {accepted(call) ? run && <Brought place={place} tool={tool} run={run} brief={brief} /> : <Refused environment={environment} tool={tool} call={call} guide={guide} />}
      </div>
    </article>
  );
}

function Brought({ place, tool, run, brief }: { place: Place; tool: string; run: Run; brief: boolean }) {
  const held = run.state === 'held';
  const { added, removed } = (held ? run.hold?.would : undefined) ?? run;
  return (
    <>
      <dl className={classes.figures}>
        <div><dt>Received</dt><dd><Count value={run.received} /></dd></div>
        <div><dt>Added</dt><dd><Count value={added} change unapplied={held} /></dd></div>
        <div><dt>Removed</dt><dd><Count value={removed === 0 ? 0 : -removed} change unapplied={held} /></dd></div>
        <div><dt>Skipped</dt><dd><Count value={run.skipped} /></dd></div>
      </dl>
      {held && <Note tone="held"><b>The guard holds this sync.</b> Nothing has changed yet; the segment’s page shows what it would do.</Note>}
      {run.skipped > 0 && (
        <Note tone="warn">
          <b>{counted(run.skipped, 'member was', 'members were')} skipped.</b>{' '}
          {run.skippedSample?.map((skip) => `Entry ${digits(skip.row)}: ${sentence(skip.reason)}`).slice(0, 3).join(' ')} In {tool}, map a field that is always filled.
        </Note>
      )}
      {!brief && (
        <div className={classes.row}>
          <Button renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/segments/$segment" params={{ ...place, segment: run.segmentKey }} />}>Open segment</Button>
          <Button variant="default" renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/flags" params={place} search={{ create: true, use: run.segmentKey }} />}>Use it in a flag</Button>
        </div>
      )}
    </>
  );
}

function Refused({ environment, tool, call, guide }: Omit<CallCardProps, 'place' | 'brief'>) {
  const { title, fix } = refusal(call.status ?? 0, call.message ?? '', tool, environment, guide);
  return (
    <div className={classes.small}>
      <p><b>{title}</b></p>
      <p>{fix}</p>
    </div>
  );
}

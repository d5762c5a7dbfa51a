import { useQuery } from '@tanstack/react-query';

import { EmptyState } from '@/components/EmptyState';
import { StatePill } from '@/components/StatePill';
import { sourceName, type Source } from '@/features/sources/api/source';
import { useAllCalls } from '@/features/sources/api/useCalls';
import { CallCard } from '@/features/sources/components/CallCard';
import classes from '@/features/sources/components/Source.module.css';
import { toolsQuery } from '@/lib/api/tools';
import type { Place } from '@/lib/place';

/** The last calls of a source, as they come; refused ones too while the page is open. */
export function LastCalls({ place, environment, source }: { place: Place; environment: string; source: Source }) {
  const { data: tools } = useQuery(toolsQuery);
  const tool = tools?.items.find((one) => one.key === source.key);
  const calls = useAllCalls(place, source.key, tool?.path ?? '');
  const name = sourceName(source);
  return (
    <section className={classes.part} aria-labelledby="last-calls">
      <div className={classes.row}>
        <h2 id="last-calls">Last calls</h2>
        <StatePill state="syncing" word="Listening" />
      </div>
      <p className={classes.small}>The last 20, as they come. Refused calls are shown while this page is open: nothing is kept of them.</p>
      {calls.length === 0 && <EmptyState title="No call lately">What {name} sends shows here the moment it arrives, also what is refused.</EmptyState>}
      {calls.map((call) => (
        <CallCard
          key={`${call.at}-${call.run?._id ?? call.message ?? ''}`} place={place} environment={environment} tool={name} call={call} brief
          guide={tool && ` of “Connect ${tool.name}”`}
        />
      ))}
    </section>
  );
}

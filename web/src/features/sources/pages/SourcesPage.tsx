import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';

import { ErrorState } from '@/components/ErrorState';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { BringList } from '@/features/sources/components/BringList';
import { Connected } from '@/features/sources/components/Connected';
import { ToolCard } from '@/features/sources/components/SourceCard';
import classes from '@/features/sources/components/Source.module.css';
import { environmentQuery } from '@/lib/api/environment';
import { toolsQuery } from '@/lib/api/tools';
import { usePlace, type Place } from '@/lib/place';

/** Every way in which members come to an environment, and the tools that push to it. */
export function SourcesPage() {
  const place = usePlace();
  const { data: environment } = useQuery(environmentQuery(place));
  return (
    <>
      <PageHeader
        title="Where do the members come from?"
        facts={`Pick the tool that already knows the audience. It will push to ${environment?.name ?? place.environment}.`}
      />
      <Tools place={place} />
      <BringList place={place} />
      <Connected place={place} />
    </>
  );
}

function Tools({ place }: { place: Place }) {
  const { data, error, refetch } = useQuery(toolsQuery);
  if (error && !data) {
    return <Panel><ErrorState title="The tools could not be loaded. Those that push keep working." error={error} onRetry={() => void refetch()} /></Panel>;
  }
  const examples = data?.items.filter((tool) => tool.example) ?? [];
  return (
    <>
      <section className={classes.group} aria-labelledby="push-from-a-tool">
        <h2 id="push-from-a-tool">Push from a tool</h2>
        <div className={classes.gallery}>
          {data
            ? data.items.filter((tool) => !tool.example).map((tool) => <ToolCard key={tool.key} place={place} tool={tool} />)
            : Array.from({ length: 9 }, (_, i) => <Skeleton key={i} height={108} radius={10} aria-hidden />)}
        </div>
      </section>
      {examples.length > 0 && (
        <section className={classes.group} aria-labelledby="any-webhook">
          <h2 id="any-webhook">Any webhook</h2>
          <div className={classes.gallery}>{examples.map((tool) => <ToolCard key={tool.key} place={place} tool={tool} />)}</div>
        </section>
      )}
    </>
  );
}

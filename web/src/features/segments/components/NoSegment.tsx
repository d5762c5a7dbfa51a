import { Button } from '@mantine/core';
import { useQueries, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { EmptyState } from '@/components/EmptyState';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { segmentQuery, type SegmentPlace } from '@/features/segments/api/segment';
import { projectQuery } from '@/lib/api/environment';

/** In how many other environments a segment is looked for. */
const mostElsewhere = 10;

/** Says that there is no such segment, and in which other environment there is one with this key. */
export function NoSegment({ at }: { at: SegmentPlace }) {
  const { data: project } = useQuery(projectQuery(at.project));
  const environments = project?.environments ?? [];
  const others = environments.filter((one) => one.key !== at.environment).slice(0, mostElsewhere);
  const found = useQueries({ queries: others.map((one) => segmentQuery({ ...at, environment: one.key })) });
  const there = others.filter((_, i) => found[i]?.data !== undefined);
  const here = environments.find((one) => one.key === at.environment)?.name ?? at.environment;
  return (
    <>
      <PageHeader
        title="Nothing here"
        above={[<Link key="segments" to="/projects/$project/environments/$environment/segments" params={at}>Segments</Link>]}
      />
      <Panel>
        <EmptyState
          title={`There is no segment “${at.segment}” in ${here}.`}
          actions={(
            <>
              {there.map((one) => (
                <Button
                  key={one.key} renderRoot={(root) => (
                    <Link {...root} to="/projects/$project/environments/$environment/segments/$segment" params={{ ...at, environment: one.key }} />
                  )}
                >
                  It exists in {one.name}
                </Button>
              ))}
              <Button variant="default" renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/segments" params={at} />}>All segments</Button>
            </>
          )}
        >
          It may have been deleted, or the link is cut off.
        </EmptyState>
      </Panel>
    </>
  );
}

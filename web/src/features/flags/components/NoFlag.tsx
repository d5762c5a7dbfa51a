import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';

import { EmptyState } from '@/components/EmptyState';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import type { FlagPlace } from '@/features/flags/api/flag';

/** Says that the project has no such flag. */
export function NoFlag({ at }: { at: FlagPlace }) {
  return (
    <>
      <PageHeader title="Nothing here" above={[<Link key="flags" to="/projects/$project/environments/$environment/flags" params={at}>Flags</Link>]} />
      <Panel>
        <EmptyState
          title={`There is no flag “${at.flag}” in this project.`}
          actions={<Button variant="default" renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/flags" params={at} />}>All flags</Button>}
        >
          It may have been deleted, or the link is cut off.
        </EmptyState>
      </Panel>
    </>
  );
}

import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';

import { EmptyState } from '@/components/EmptyState';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';

/** No page has this address. */
export function NotFoundPage() {
  return (
    <>
      <PageHeader title="Nothing here" />
      <Panel>
        <EmptyState title="No page has this address" actions={<Button variant="default" component={Link} to="/">Go to segments</Button>}>
          The link may be cut off, or what it led to was deleted.
        </EmptyState>
      </Panel>
    </>
  );
}

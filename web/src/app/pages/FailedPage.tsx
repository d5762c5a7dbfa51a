import { useQueryErrorResetBoundary } from '@tanstack/react-query';
import { useRouter, type ErrorComponentProps } from '@tanstack/react-router';

import { ErrorState } from '@/components/ErrorState';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { ApiError } from '@/lib/api/error';

/** Stands for a page whose data could not be had: it is not there, not allowed, or did not arrive. */
export function FailedPage({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const queries = useQueryErrorResetBoundary();
  const status = error instanceof ApiError ? error.status : undefined;
  const retry = () => {
    queries.reset();
    reset();
    void router.invalidate();
  };
  return (
    <>
      <PageHeader title={headline(status)} />
      <Panel>
        <ErrorState title={consequence(status)} error={error} onRetry={status === 404 ? undefined : retry} />
      </Panel>
    </>
  );
}

function headline(status: number | undefined): string {
  switch (status) {
    case 0: return 'Cannot reach the server';
    case 403: return 'Not for you to see';
    case 404: return 'Nothing here';
    default: return 'This page could not be shown';
  }
}

function consequence(status: number | undefined): string {
  switch (status) {
    case 0: return 'The page could not be loaded. What is stored is not affected.';
    case 404: return 'There is no such object, or it was deleted.';
    default: return 'The page could not be loaded. Syncs and flags keep working.';
  }
}

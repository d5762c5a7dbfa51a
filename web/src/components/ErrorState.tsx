import { Button } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import type { ReactNode } from 'react';

import classes from '@/components/ErrorState.module.css';
import { ForbiddenState } from '@/components/ForbiddenState';
import { ApiError, isForbidden } from '@/lib/api/error';
import { sentence } from '@/lib/sentence';

interface ErrorStateProps {
  /** What failed, and what still holds: "Segments could not be loaded. Syncs and flags keep working." */
  title: string;
  error: unknown;
  onRetry?: () => void;
  children?: ReactNode;
}

/** What stands where the data would be when it could not be loaded, or may not be. */
export function ErrorState({ title, error, onRetry, children }: ErrorStateProps) {
  if (isForbidden(error)) return <ForbiddenState lacks={error.lacks} message={error.message} />;
  const details = error instanceof ApiError && error.status !== 0 ? `${error.status} ${error.code}` : undefined;
  return (
    <div className={classes.error} role="alert">
      <IconAlertTriangle size={20} aria-hidden />
      <div>
        <p className={classes.title}>{title}</p>
        <p>{reason(error)}</p>
        {children}
        {onRetry && (
          <Button variant="default" mt={12} onClick={onRetry}>
            Try again
          </Button>
        )}
        {details && <p className={classes.details}>{details}</p>}
      </div>
    </div>
  );
}

/** What an error says to people. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return 'This page met something it does not know.';
  return sentence(error.message);
}

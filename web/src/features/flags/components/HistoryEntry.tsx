import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useId } from 'react';

import { ErrorState } from '@/components/ErrorState';
import { FieldDiff } from '@/components/FieldDiff';
import { Freshness } from '@/components/Freshness';
import { Happening } from '@/components/Happenings';
import { auditEntryQuery, type AuditEntry } from '@/features/flags/api/history';
import classes from '@/features/flags/components/History.module.css';
import { actorOf, deedOf, whereOf } from '@/features/flags/components/historyWords';

interface HistoryEntryProps {
  entry: AuditEntry;
  /** The names of the environments by their keys. */
  environments: Readonly<Record<string, string>>;
  open: boolean;
  onOpen: (open: boolean) => void;
}

/** One change of a flag: who, what, where and when; opened, field by field. */
export function HistoryEntry({ entry, environments, open, onOpen }: HistoryEntryProps) {
  const changes = useId();
  return (
    <Happening title={`${actorOf(entry)} ${deedOf(entry)} in ${whereOf(entry, environments)}`} at={<><Freshness at={entry.date} /> ago</>}>
      {entry.comment && <p className={classes.comment}>“{entry.comment}”</p>}
      <Button
        className={classes.open} variant="subtle" size="compact-sm" aria-expanded={open} aria-controls={open ? changes : undefined}
        aria-label={`${open ? 'Hide' : 'Show'} what changed: ${deedOf(entry)}`} onClick={() => onOpen(!open)}
      >
        {open ? 'Hide what changed' : 'Show what changed'}
      </Button>
      {open && <div id={changes} className={classes.changes}><Changes id={entry._id} /></div>}
    </Happening>
  );
}

function Changes({ id }: { id: string }) {
  const { data: entry, error, refetch } = useQuery(auditEntryQuery(id));
  if (error && !entry) return <ErrorState title="What changed could not be loaded." error={error} onRetry={() => void refetch()} />;
  if (!entry) return null;
  if (entry.previousVersion === undefined && entry.currentVersion === undefined) return <p>What it was and became is not kept: it was too large.</p>;
  return <FieldDiff before={entry.previousVersion} after={entry.currentVersion} />;
}

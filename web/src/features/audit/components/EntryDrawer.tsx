import { Drawer } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';

import { ErrorState } from '@/components/ErrorState';
import { Fact, Facts } from '@/components/Facts';
import { FieldDiff } from '@/components/FieldDiff';
import { Freshness } from '@/components/Freshness';
import { entryQuery, type AuditEntry } from '@/features/audit/api/audit';
import classes from '@/features/audit/components/Audit.module.css';
import { actorWords, whatWords, whereWords } from '@/features/audit/components/auditWords';
import { TargetLink } from '@/features/audit/components/TargetLink';
import { exactTime } from '@/lib/time';

interface EntryDrawerProps {
  /** The entry that is open; undefined: the drawer is closed. */
  id: string | undefined;
  onClose: () => void;
}

/** One entry of the audit log: who did it, by which rights, and what it changed field by field. */
export function EntryDrawer({ id, onClose }: EntryDrawerProps) {
  const { data: entry, error, refetch } = useQuery({ ...entryQuery(id ?? ''), enabled: id !== undefined });
  const shown = entry?._id === id ? entry : undefined;
  return (
    <Drawer
      opened={id !== undefined} onClose={onClose} position="right" size={560} closeButtonProps={{ 'aria-label': 'Close' }}
      title={<span className={classes.title}>{shown ? whatWords(shown) : 'Entry of the audit log'}</span>}
    >
      {error && !shown && <ErrorState title="The entry could not be loaded." error={error} onRetry={() => void refetch()} />}
      {shown && <Details entry={shown} />}
    </Drawer>
  );
}

function Details({ entry }: { entry: AuditEntry }) {
  const compared = entry.previousVersion !== undefined || entry.currentVersion !== undefined;
  return (
    <div className={classes.drawer}>
      <Facts>
        <Fact label="When">{exactTime(entry.date)} (<Freshness at={entry.date} /> ago)</Fact>
        <Fact label="Who">{entry.subject?.name} <span className={classes.faint}>{actorWords(entry)}</span></Fact>
        <Fact label="What"><TargetLink entry={entry} /></Fact>
        <Fact label="Where">{whereWords(entry)}</Fact>
        {entry.comment && <Fact label="Comment">{entry.comment}</Fact>}
      </Facts>
      {entry.description !== '' && !entry.description.startsWith('- ') && <p className={classes.description}>{entry.description}</p>}
      {compared && (
        <section aria-label="What changed">
          <h3>What changed</h3>
          <FieldDiff before={entry.previousVersion} after={entry.currentVersion} />
        </section>
      )}
      {entry.accesses.length > 0 && (
        <section aria-label="By which rights">
          <h3>By which rights</h3>
          <ul className={classes.accesses}>
            {entry.accesses.map((access) => <li key={`${access.action} ${access.resource}`}><code>{access.action}</code> on <code>{access.resource}</code></li>)}
          </ul>
        </section>
      )}
    </div>
  );
}

import { Link } from '@tanstack/react-router';

import type { Column } from '@/components/DataTable';
import { Freshness } from '@/components/Freshness';
import type { AuditEntry, AuditSearch } from '@/features/audit/api/audit';
import classes from '@/features/audit/components/Audit.module.css';
import { actorWords, whatWords, whereWords } from '@/features/audit/components/auditWords';
import { exactTime } from '@/lib/time';

/** The columns of the audit log. */
export function auditColumns(search: AuditSearch): Column<AuditEntry>[] {
  return [
    {
      key: 'what', label: 'What',
      cell: (entry) => (
        <div className={classes.what}>
          <Link to="/audit/$entry" params={{ entry: entry._id }} search={search} resetScroll={false}>{whatWords(entry)}</Link>
          {entry.comment && <div className={classes.faint}>“{entry.comment}”</div>}
        </div>
      ),
    },
    {
      key: 'who', label: 'Who', card: 'state',
      cell: (entry) => (
        <div className={classes.who}>
          {entry.subject?.name}
          <div className={classes.faint}>{actorWords(entry)}</div>
        </div>
      ),
    },
    { key: 'where', label: 'Where', priority: 2, cell: (entry) => <span className={classes.where}>{whereWords(entry)}</span> },
    {
      key: 'when', label: 'When', numeric: true, card: 'fresh',
      cell: (entry) => (
        <div className={classes.when}>
          <Freshness at={entry.date} />
          <div className={classes.exact} aria-hidden>{exactTime(entry.date)}</div>
        </div>
      ),
    },
  ];
}

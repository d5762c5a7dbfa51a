import type { ReactNode } from 'react';

import { SortHeader, type Sort } from '@/components/SortHeader';
import classes from '@/components/DataTable.module.css';

/** A column of a table of things of one type. */
export interface Column<Row> {
  key: string;
  label: string;
  cell: (row: Row) => ReactNode;
  /** Figures stand at the right. */
  numeric?: boolean;
  /** The server sorts by this name. */
  sort?: string;
  /** 3 leaves below 1100 px, 2 below 700 px; 1, the default, stays. */
  priority?: 1 | 2 | 3;
  /** Where it stands in the card that a row becomes below 700 px: the first column is the upper left. */
  card?: 'figure' | 'state' | 'fresh';
}

interface DataTableProps<Row> {
  /** What the rows are, for screen readers: "Segments". */
  label: string;
  columns: readonly Column<Row>[];
  /** undefined while the first page loads. */
  rows: readonly Row[] | undefined;
  rowKey: (row: Row) => string;
  /** Colours a row: warn for what waits for a person, work for what is under way. */
  tone?: (row: Row) => 'warn' | 'work' | undefined;
  sort?: Sort;
  onSort?: (sort: string) => void;
  /** Rows are of an older question while the new answer is on its way. */
  stale?: boolean;
  /** Stands below the rows when there are none. */
  empty?: ReactNode;
  /** Stands below the table: the pager. */
  foot?: ReactNode;
}

/**
 * A table whose rows the server sorts and pages. The first cell of a row names it and holds its one
 * link, which a click anywhere in the row follows. Below 700 px rows become cards.
 */
export function DataTable<Row>({ label, columns, rows, rowKey, tone, sort, onSort, stale = false, empty, foot }: DataTableProps<Row>) {
  if (rows?.length === 0 && empty) return <div className={classes.frame}>{empty}</div>;
  return (
    <div className={classes.frame}>
      <table className={classes.table} aria-label={label} aria-busy={rows === undefined || stale} data-stale={stale || undefined}>
        <thead>
          <tr>
            {columns.map((column) => (
              <SortHeader key={column.key} label={column.label} numeric={column.numeric} priority={column.priority} by={column.sort} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows === undefined ? <SkeletonRows columns={columns} /> : rows.map((row) => (
            <tr key={rowKey(row)} data-tone={tone?.(row)} onClick={followLink}>
              {columns.map((column, i) => (
                <Cell key={column.key} column={column} first={i === 0}>{column.cell(row)}</Cell>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {foot}
    </div>
  );
}

function Cell<Row>({ column, first, children }: { column: Column<Row>; first: boolean; children: ReactNode }) {
  const look = { 'data-numeric': column.numeric, 'data-priority': column.priority, 'data-card': first ? 'name' : column.card };
  return first ? <th scope="row" {...look}>{children}</th> : <td {...look}>{children}</td>;
}

/** Rows in the final geometry, shown a moment after a table begins to load. */
function SkeletonRows<Row>({ columns }: { columns: readonly Column<Row>[] }) {
  return Array.from({ length: 6 }, (_, row) => (
    <tr key={row} className={classes.skeleton} aria-hidden>
      {columns.map((column, i) => (
        <td key={column.key} data-numeric={column.numeric} data-priority={column.priority} data-card={i === 0 ? 'name' : column.card}>
          <span />
        </td>
      ))}
    </tr>
  ));
}

/** Follows the link of a row that was clicked beside it, unless something else was meant. */
function followLink(event: React.MouseEvent<HTMLTableRowElement>) {
  const target = event.target as Element;
  if (target.closest('a, button, input, label, select') || window.getSelection()?.toString()) return;
  const link = event.currentTarget.querySelector<HTMLAnchorElement>('th a[href]');
  link?.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, ctrlKey: event.ctrlKey, metaKey: event.metaKey }));
}

import { UnstyledButton } from '@mantine/core';
import { IconChevronDown, IconChevronUp } from '@tabler/icons-react';

import classes from '@/components/SortHeader.module.css';

/** How a table is sorted: a name, with "-" in front when it descends. */
export type Sort = string;

interface SortHeaderProps {
  label: string;
  numeric?: boolean;
  priority?: 1 | 2 | 3;
  /** The name to sort by; undefined: this column cannot be sorted. */
  by?: string;
  sort?: Sort;
  onSort?: (sort: Sort) => void;
}

/** The head of a column; a button where the column sorts. Figures begin with the largest. */
export function SortHeader({ label, numeric = false, priority, by, sort, onSort }: SortHeaderProps) {
  const look = { 'data-numeric': numeric || undefined, 'data-priority': priority };
  if (by === undefined || !onSort) return <th scope="col" {...look}>{label}</th>;
  const up = sort === by;
  const down = sort === `-${by}`;
  const next = up ? `-${by}` : down ? by : numeric ? `-${by}` : by;
  const Mark = up ? IconChevronUp : IconChevronDown;
  return (
    <th scope="col" aria-sort={up ? 'ascending' : down ? 'descending' : 'none'} {...look}>
      <UnstyledButton className={classes.button} data-active={up || down || undefined} onClick={() => onSort(next)}>
        {label}
        <Mark size={12} aria-hidden className={up || down ? undefined : classes.hidden} />
      </UnstyledButton>
    </th>
  );
}

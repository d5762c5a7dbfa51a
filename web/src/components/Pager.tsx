import { Button } from '@mantine/core';

import classes from '@/components/Pager.module.css';
import { digits } from '@/lib/number';

interface PagerProps {
  /** From 1. */
  page: number;
  size: number;
  total: number;
  onPage: (page: number) => void;
}

/** Which rows of how many are shown, and the way to the others; nothing when all are. */
export function Pager({ page, size, total, onPage }: PagerProps) {
  if (total <= size && page === 1) return null;
  const first = Math.min((page - 1) * size + 1, total);
  const last = Math.min(page * size, total);
  return (
    <div className={classes.pager}>
      <span>{digits(first)}–{digits(last)} of {digits(total)}</span>
      <Button variant="default" size="compact-md" disabled={page <= 1} onClick={() => onPage(page - 1)}>Previous</Button>
      <Button variant="default" size="compact-md" disabled={last >= total} onClick={() => onPage(page + 1)}>Next</Button>
    </div>
  );
}

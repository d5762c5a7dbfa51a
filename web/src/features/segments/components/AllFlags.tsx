import { Link } from '@tanstack/react-router';

import type { SegmentPlace } from '@/features/segments/api/segment';
import classes from '@/features/segments/components/UsingFlags.module.css';
import { digits } from '@/lib/number';

/** Leads from the first flags that use a segment to all of them. */
export function AllFlags({ at, total }: { at: SegmentPlace; total: number }) {
  return <Link className={classes.all} to="/projects/$project/environments/$environment/segments/$segment/flags" params={at}>All {digits(total)} flags that use it</Link>;
}

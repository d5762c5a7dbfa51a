import { ChartTable } from '@/components/ChartFigure';
import { Count } from '@/components/Count';
import type { Bucket } from '@/features/flags/api/buckets';
import type { Part } from '@/features/flags/components/seriesLooks';
import { wholeTime } from '@/lib/time';

/** The chart of evaluations as figures, newest first. */
export function EvaluationsTable({ buckets, parts }: { buckets: Bucket[]; parts: Part[] }) {
  return (
    <ChartTable label="Evaluations as a table" columns={['From', ...parts.map((part) => part.name), 'All']}>
      {buckets.toReversed().map((bucket) => (
        <tr key={bucket.at}>
          <th scope="row">{wholeTime(bucket.at)}</th>
          {parts.map((part) => <td key={part.key}><Count value={bucket.counts[part.key]} /></td>)}
          <td><Count value={bucket.total} /></td>
        </tr>
      ))}
    </ChartTable>
  );
}

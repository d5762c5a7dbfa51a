import { ChartTable } from '@/components/ChartFigure';
import { Count } from '@/components/Count';
import type { Sizes } from '@/features/segments/api/segment';
import { exactTime } from '@/lib/time';

/** The chart of sizes as figures, newest first. */
export function SizeTable({ sizes }: { sizes: Sizes }) {
  return (
    <ChartTable label="Sizes as a table" columns={['From', 'Members', 'Added', 'Removed', 'Held']}>
      {sizes.items.toReversed().map((item) => (
        <tr key={item.at}>
          <th scope="row">{exactTime(item.at)}</th>
          <td><Count value={item.members} /></td>
          <td><Count value={item.added} change /></td>
          <td><Count value={-item.removed} change /></td>
          <td><Count value={item.held} /></td>
        </tr>
      ))}
    </ChartTable>
  );
}

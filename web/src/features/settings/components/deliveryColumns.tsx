import type { Column } from '@/components/DataTable';
import { Freshness } from '@/components/Freshness';
import { StatePill } from '@/components/StatePill';
import type { Delivery } from '@/features/settings/api/webhooks';
import { digits } from '@/lib/number';
import { sentence } from '@/lib/sentence';
import { exactTime } from '@/lib/time';

/** The columns of the last attempts to tell a webhook. */
export const deliveryColumns: Column<Delivery>[] = [
  { key: 'date', label: 'Time', cell: (one) => exactTime(one.date) },
  { key: 'what', label: 'What', priority: 2, cell: (one) => (one.test ? 'Test' : `Attempt ${digits(one.attempt ?? 1)}`) },
  { key: 'took', label: 'Took', numeric: true, card: 'figure', cell: (one) => `${digits(one.durationMs)} ms` },
  { key: 'age', label: 'Age', priority: 3, card: 'fresh', cell: (one) => <Freshness at={one.date} /> },
  { key: 'state', label: 'State', card: 'state', cell: (one) => <DeliveryState delivery={one} /> },
];

/** What came of an attempt, in a sentence. */
export function deliveryWords({ status, durationMs, error }: Delivery): string {
  const answer = status === undefined ? 'There was no answer' : `The answer was ${digits(status)}`;
  return `${answer} after ${digits(durationMs)} ms.${error === undefined ? '' : ` ${sentence(error)}`}`;
}

function DeliveryState({ delivery }: { delivery: Delivery }) {
  const { state, status, error, test } = delivery;
  const number = status === undefined ? '' : `, ${status}`;
  switch (state) {
    case 'delivered': return <StatePill state="live" word={`Delivered${number}`} />;
    case 'givenUp': return <StatePill state={test ? 'failed' : 'off'} word={`${test ? 'Failed' : 'Given up'}${number}`} why={error && sentence(error)} />;
    case 'failed': return <StatePill state="failed" word={`Failed${number}`} why={error === undefined ? undefined : `${sentence(error)} It is tried again.`} />;
  }
}

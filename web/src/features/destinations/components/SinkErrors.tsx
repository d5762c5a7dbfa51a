import { Freshness } from '@/components/Freshness';
import { Happening, Happenings } from '@/components/Happenings';
import { Panel } from '@/components/Panel';
import type { SinkState } from '@/features/destinations/api/sinks';
import classes from '@/features/destinations/components/Destinations.module.css';
import { sentence } from '@/lib/sentence';

/** The last errors of a store, newest first; what repeats stands once. */
export function SinkErrors({ state }: { state: SinkState | undefined }) {
  const errors = state?.errors ?? [];
  return (
    <Panel title="Last errors">
      {errors.length === 0
        ? <p className={`${classes.text} ${classes.quiet}`}>None since the server started.</p>
        : (
            <Happenings label="Last errors">
              {errors.map((one) => <Happening key={`${one.timestamp} ${one.message}`} tone="warn" title={sentence(one.message)} at={<Freshness at={one.timestamp} />} />)}
            </Happenings>
          )}
    </Panel>
  );
}

import { Select } from '@mantine/core';

import type { Flag } from '@/features/flags/api/flags';
import { gone } from '@/features/flags/api/targeting';
import { variationGone } from '@/features/flags/api/targetingFaults';
import { variationOf } from '@/features/flags/components/flagWords';
import classes from '@/features/flags/components/Targeting.module.css';

interface OffPanelProps {
  flag: Flag;
  off: number | undefined;
  refused: string | undefined;
  onChange: (off: number) => void;
}

/** What everybody gets while the flag is off. */
export function OffPanel({ flag, off, refused, onChange }: OffPanelProps) {
  return (
    <section className={classes.box} aria-label="When off">
      <div className={classes.line}>
        <h2>When off</h2>
        <Select
          className={classes.choice} aria-label="When off: serve" allowDeselect={false} disabled={refused !== undefined} value={off === undefined ? null : String(off)}
          placeholder={variationOf(flag, undefined)} data={flag.variations.map((_, i) => ({ value: String(i), label: variationOf(flag, i) }))}
          error={off === gone && variationGone} onChange={(value) => value !== null && onChange(Number(value))}
        />
      </div>
      {refused && <p className={classes.refused}>{refused}</p>}
    </section>
  );
}

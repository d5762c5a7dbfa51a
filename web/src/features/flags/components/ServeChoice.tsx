import { Select } from '@mantine/core';

import type { FlagPlace } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import { completed, evenRollout } from '@/features/flags/api/rollout';
import { gone, type Serve } from '@/features/flags/api/targeting';
import { variationGone } from '@/features/flags/api/targetingFaults';
import { variationOf } from '@/features/flags/components/flagWords';
import { RolloutShares } from '@/features/flags/components/RolloutShares';
import classes from '@/features/flags/components/Serve.module.css';
import { unmounted } from '@/features/flags/components/unmounted';

interface ServeChoiceProps {
  at: FlagPlace;
  flag: Flag;
  /** Who is served: "Rule 1", "Everyone else". */
  label: string;
  serve: Serve;
  disabled: boolean;
  onChange: (serve: Serve) => void;
}

const rollout = 'rollout';

/** What somebody is served: one variation, or several by shares. */
export function ServeChoice({ at, flag, label, serve, disabled, onChange }: ServeChoiceProps) {
  const choose = (value: string) => {
    if (value !== rollout) onChange({ variation: Number(value) });
    else if (!('rollout' in serve)) onChange({ rollout: evenRollout(flag.variations.length) });
  };
  return (
    <div className={classes.serve}>
      <Select
        comboboxProps={unmounted} className={classes.choice} aria-label={`${label}: serve`} allowDeselect={false} disabled={disabled} value={'rollout' in serve ? rollout : String(serve.variation)}
        data={[...flag.variations.map((_, i) => ({ value: String(i), label: variationOf(flag, i) })), { value: rollout, label: 'Percentage rollout' }]}
        error={'variation' in serve && serve.variation === gone && variationGone} onChange={(value) => value !== null && choose(value)}
      />
      {'rollout' in serve && (
        <RolloutShares
          at={at} flag={flag} label={label} rollout={completed(serve.rollout, flag.variations.length)} disabled={disabled} onChange={(next) => onChange({ rollout: next })}
        />
      )}
    </div>
  );
}

import { NumberInput, Select, TextInput } from '@mantine/core';

import type { FlagPlace } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import { isFixed, weightOf, whole, withWeight, type Rollout } from '@/features/flags/api/rollout';
import { defaultKind } from '@/features/flags/api/targeting';
import { shareFault } from '@/features/flags/api/targetingFaults';
import { variationOf } from '@/features/flags/components/flagWords';
import classes from '@/features/flags/components/Serve.module.css';
import { ShareBar } from '@/features/flags/components/ShareBar';
import { unmounted } from '@/features/flags/components/unmounted';
import { useContextKinds } from '@/features/flags/components/useContextKinds';
import { VariationWord } from '@/features/flags/components/VariationWord';

interface RolloutSharesProps {
  at: FlagPlace;
  flag: Flag;
  label: string;
  rollout: Rollout;
  disabled: boolean;
  onChange: (rollout: Rollout) => void;
}

/** The shares of a rollout, as a bar that is full at 100 %, and as figures. */
export function RolloutShares({ at, flag, label, rollout, disabled, onChange }: RolloutSharesProps) {
  const kinds = useContextKinds(at, rollout.contextKind);
  const fixed = isFixed(rollout);
  const fault = shareFault(rollout);
  return (
    <div className={classes.rollout}>
      <ShareBar parts={rollout.variations.map((part) => ({ key: String(part.variation), name: variationOf(flag, part.variation), size: part.weight }))} whole={whole} />
      <div className={classes.shares}>
        {rollout.variations.map((part, i) => (
          <label key={part.variation} className={classes.share}>
            <span className={classes.variation}><VariationWord flag={flag} index={part.variation} /></span>
            <NumberInput
              className={classes.percent} aria-label={`${label}: share of ${variationOf(flag, part.variation)}`} value={part.weight / 1000} suffix=" %" min={0} max={100}
              decimalScale={3} step={5} disabled={disabled || fixed} hideControls error={fault !== undefined}
              onChange={(value) => {
                const weight = weightOf(Number(value));
                if (weight !== undefined && weight !== part.weight) onChange(withWeight(rollout, i, weight));
              }}
            />
          </label>
        ))}
      </div>
      {fault && <p className={classes.left} role="status">{fault}</p>}
      {fixed
        ? <p className={classes.hint}>It has a seed, or is an experiment: its shares can be changed through the API only, which keeps who is where.</p>
        : (
            <div className={classes.by}>
              <span>Split by</span>
              <Select
                comboboxProps={unmounted} className={classes.kind} aria-label={`${label}: bucket by kind`} size="xs" allowDeselect={false} disabled={disabled} data={kinds} value={rollout.contextKind ?? defaultKind}
                onChange={(kind) => kind !== null && onChange({ ...rollout, contextKind: kind })}
              />
              <TextInput
                className={classes.kind} aria-label={`${label}: bucket by attribute`} size="xs" placeholder="key" disabled={disabled} value={rollout.bucketBy ?? ''} spellCheck={false}
                onChange={(event) => onChange({ ...rollout, bucketBy: event.currentTarget.value === '' ? undefined : event.currentTarget.value })}
              />
            </div>
          )}
    </div>
  );
}

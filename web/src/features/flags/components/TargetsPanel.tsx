import { Select, TagsInput } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';

import { ActionButton } from '@/components/ActionButton';
import type { FlagPlace } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import { defaultKind, type Target } from '@/features/flags/api/targeting';
import { variationOf } from '@/features/flags/components/flagWords';
import classes from '@/features/flags/components/Targeting.module.css';
import { useContextKinds } from '@/features/flags/components/useContextKinds';
import { counted } from '@/lib/number';

/** More keys than these are not shown one by one. */
const mostShown = 300;

interface TargetsPanelProps {
  at: FlagPlace;
  flag: Flag;
  targets: readonly Target[];
  fault: string | undefined;
  refused: string | undefined;
  onChange: (targets: Target[]) => void;
}

/** The contexts that get a variation by their keys, before any rule is looked at. */
export function TargetsPanel({ at, flag, targets, fault, refused, onChange }: TargetsPanelProps) {
  const total = targets.reduce((sum, { values }) => sum + values.length, 0);
  const free = flag.variations.findIndex((_, i) => !targets.some((target) => target.kind === defaultKind && target.variation === i));
  return (
    <section className={classes.box} aria-label="Individual targets">
      <div className={classes.head}>
        <h2>Individual targets</h2>
        <span className={classes.hint}>{total === 0 ? 'none' : counted(total, 'context')}</span>
        <ActionButton
          variant="subtle" size="compact-sm" leftSection={<IconPlus size={15} aria-hidden />} refused={refused} aria-label="Add targets"
          onClick={() => onChange([...targets, { kind: defaultKind, variation: Math.max(0, free), values: [] }])}
        >
          Add
        </ActionButton>
      </div>
      {targets.length > 0 && (
        <div className={classes.body}>
          {targets.map((target, i) => (
            <TargetRow
              key={i} at={at} flag={flag} target={target} disabled={refused !== undefined}
              onChange={(next) => onChange(targets.map((one, j) => (i === j ? next : one)))}
            />
          ))}
          {fault && <p className={classes.fault} role="alert">{fault}</p>}
        </div>
      )}
    </section>
  );
}

interface TargetRowProps {
  at: FlagPlace;
  flag: Flag;
  target: Target;
  disabled: boolean;
  onChange: (target: Target) => void;
}

function TargetRow({ at, flag, target, disabled, onChange }: TargetRowProps) {
  const kinds = useContextKinds(at, target.kind);
  const label = `Targets of ${variationOf(flag, target.variation)}`;
  const many = target.values.length > mostShown;
  return (
    <div className={classes.row} role="group" aria-label={label}>
      <span>Serve</span>
      <Select
        className={classes.kind} aria-label={`${label}: serve`} allowDeselect={false} disabled={disabled || many} value={String(target.variation)}
        data={flag.variations.map((_, i) => ({ value: String(i), label: variationOf(flag, i) }))} onChange={(value) => value !== null && onChange({ ...target, variation: Number(value) })}
      />
      <span>to</span>
      <Select
        className={classes.kind} aria-label={`${label}: context kind`} allowDeselect={false} disabled={disabled || many} value={target.kind} data={kinds}
        onChange={(kind) => kind !== null && onChange({ ...target, kind })}
      />
      {many
        ? <span className={classes.hint}>{counted(target.values.length, 'key')}, too many to show one by one. A segment does this better.</span>
        : (
            <TagsInput
              className={classes.keys} classNames={{ input: classes.keysInput, pill: classes.pill, inputField: classes.typed }} aria-label={`${label}: keys`} placeholder={target.values.length === 0 ? 'Type a key, press Enter' : undefined} splitChars={[]} readOnly={disabled}
              value={target.values} isDuplicate={(value, present) => present.includes(value)} onChange={(values) => onChange({ ...target, values })}
            />
          )}
    </div>
  );
}

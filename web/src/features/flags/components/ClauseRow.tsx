import { ActionIcon, Autocomplete, Select, TagsInput } from '@mantine/core';
import { IconX } from '@tabler/icons-react';

import type { FlagPlace } from '@/features/flags/api/flag';
import { defaultKind, segmentMatch, type Clause } from '@/features/flags/api/targeting';
import { parseValue, shownValue } from '@/features/flags/api/values';
import classes from '@/features/flags/components/Clause.module.css';
import { attributeTests, testId, testOf, testWords } from '@/features/flags/components/clauseWords';
import { SegmentChips } from '@/features/flags/components/SegmentChips';
import { unmounted } from '@/features/flags/components/unmounted';
import { useContextKinds } from '@/features/flags/components/useContextKinds';

interface ClauseRowProps {
  at: FlagPlace;
  /** Which condition it is: "Rule 1, condition 1". */
  label: string;
  first: boolean;
  clause: Clause;
  /** Attributes that conditions of the flag ask for. */
  attributes: readonly string[];
  disabled: boolean;
  fault: string | undefined;
  onChange: (clause: Clause) => void;
  /** undefined: it may not be removed. */
  onRemove: (() => void) | undefined;
}

/** No context kind can have this key. */
const segments = ' segment';

/** One condition of a rule: being in a segment, or an attribute of a context. */
export function ClauseRow({ at, label, first, clause, attributes, disabled, fault, onChange, onRemove }: ClauseRowProps) {
  const kinds = useContextKinds(at, clause.kind);
  const asksSegments = clause.op === segmentMatch;
  const chooseKind = (kind: string) => {
    if (kind === segments) onChange({ id: clause.id, kind: undefined, attribute: segmentMatch, op: segmentMatch, values: [], negate: clause.negate });
    else if (asksSegments) onChange({ id: clause.id, kind, attribute: '', op: 'in', values: [], negate: clause.negate });
    else onChange({ ...clause, kind });
  };
  return (
    <div className={classes.clause} role="group" aria-label={label}>
      <span className={classes.if}>{first ? 'IF' : 'AND'}</span>
      <Select
        comboboxProps={unmounted} className={classes.kind} aria-label={`${label}: what`} allowDeselect={false} disabled={disabled} value={asksSegments ? segments : clause.kind ?? defaultKind}
        data={[{ value: segments, label: 'Segment' }, ...kinds]} onChange={(kind) => kind !== null && chooseKind(kind)}
      />
      {!asksSegments && (
        <Autocomplete
          comboboxProps={unmounted} className={classes.attribute} aria-label={`${label}: attribute`} placeholder="Attribute" value={clause.attribute} disabled={disabled} spellCheck={false}
          data={[...new Set(['key', 'name', ...attributes])]} onChange={(attribute) => onChange({ ...clause, attribute })}
        />
      )}
      <Select
        comboboxProps={unmounted} className={classes.test} aria-label={`${label}: test`} allowDeselect={false} disabled={disabled} value={testId(clause)}
        data={(asksSegments ? [{ op: segmentMatch, negate: false }, { op: segmentMatch, negate: true }] : attributeTests).map((test) => ({ value: testId(test), label: testWords(test) }))}
        onChange={(test) => test !== null && onChange({ ...clause, ...testOf(test), values: retyped(clause, testOf(test).op) })}
      />
      {asksSegments
        ? <SegmentChips place={at} label={label} keys={clause.values.map(String)} disabled={disabled} error={fault} onChange={(values) => onChange({ ...clause, values })} />
        : (
            <TagsInput
              comboboxProps={unmounted} className={classes.values} classNames={{ pill: classes.pill, inputField: classes.typed }} aria-label={`${label}: values`} placeholder={clause.values.length === 0 ? 'Type a value, press Enter' : undefined} splitChars={[]} readOnly={disabled}
              value={clause.values.map((value) => shownValue(value, clause))} error={fault} isDuplicate={(value, present) => present.includes(value)}
              onChange={(values) => onChange({ ...clause, values: values.map((value) => parseValue(value, clause)) })}
            />
          )}
      {onRemove && <ActionIcon className={classes.remove} variant="subtle" color="gray" aria-label={`Remove ${label.toLowerCase()}`} onClick={onRemove}><IconX size={15} aria-hidden /></ActionIcon>}
    </div>
  );
}

/** The values as they would be had they been typed for another operator. */
function retyped(clause: Clause, op: string): unknown[] {
  return clause.values.map((value) => parseValue(typeof value === 'string' ? value : JSON.stringify(value), { ...clause, op }));
}

import { TextInput } from '@mantine/core';
import { IconGripVertical, IconPlus } from '@tabler/icons-react';
import { memo } from 'react';

import { ActionButton } from '@/components/ActionButton';
import { Tag } from '@/components/Tag';
import type { FlagPlace } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import { unsavedClause, type Clause, type Rule } from '@/features/flags/api/targeting';
import type { Faults } from '@/features/flags/api/targetingFaults';
import { ClauseRow } from '@/features/flags/components/ClauseRow';
import classes from '@/features/flags/components/Rule.module.css';
import { RuleMenu } from '@/features/flags/components/RuleMenu';
import { ServeChoice } from '@/features/flags/components/ServeChoice';

interface RuleCardProps {
  at: FlagPlace;
  flag: Flag;
  rule: Rule;
  /** Its place, from 1. */
  number: number;
  last: boolean;
  attributes: readonly string[];
  faults: Faults;
  refused: string | undefined;
  /** Whether it is not saved as it is. */
  mark: 'new' | 'edited' | undefined;
  dragged: boolean;
  onChange: (rule: Rule) => void;
  onMove: (id: string, to: (from: number) => number) => void;
  onRemove: (id: string) => void;
  onDrag: (id: string | undefined) => void;
  onDrop: (id: string, onto: string) => void;
}

/** Nothing else than a rule can be dropped on one. */
const dragType = 'application/x-muster-rule';

/** A rule: its conditions, all of which have to hold, and what it serves. */
export const RuleCard = memo(function RuleCard({ at, flag, rule, number, last, attributes, faults, refused, mark, dragged, onChange, onMove, onRemove, onDrag, onDrop }: RuleCardProps) {
  const label = `Rule ${number}`;
  const disabled = refused !== undefined;
  const setClause = (next: Clause) => onChange({ ...rule, clauses: rule.clauses.map((one) => (one.id === next.id ? next : one)) });
  const fault = faults.get(rule.id);
  return (
    <li
      className={classes.rule} aria-label={label} data-mark={mark} data-dragged={dragged || undefined}
      onDragOver={(event) => event.dataTransfer.types.includes(dragType) && event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        onDrop(event.dataTransfer.getData(dragType), rule.id);
      }}
    >
      <div className={classes.head}>
        {!disabled && (
          // Who has no pointer moves rules by the menu.
          <span
            className={classes.handle} draggable aria-hidden title="Drag to move"
            onDragStart={(event) => {
              event.dataTransfer.effectAllowed = 'move';
              event.dataTransfer.setData(dragType, rule.id);
              onDrag(rule.id);
            }}
            onDragEnd={() => onDrag(undefined)}
          >
            <IconGripVertical size={16} />
          </span>
        )}
        <span className={classes.number}>{number}</span>
        <TextInput
          className={classes.name} variant="unstyled" aria-label={`${label}: name`} placeholder={label} value={rule.description} maxLength={256} readOnly={disabled}
          onChange={(event) => onChange({ ...rule, description: event.currentTarget.value })}
        />
        {rule.disabled && <Tag>off for SDKs</Tag>}
        {mark && <Tag>{mark}</Tag>}
        <RuleMenu label={label} first={number === 1} last={last} refused={refused} onMove={(step) => onMove(rule.id, (from) => from + step)} onRemove={() => onRemove(rule.id)} />
      </div>
      <div className={classes.body}>
        {rule.clauses.map((clause, i) => (
          <ClauseRow
            key={clause.id} at={at} label={`${label}, condition ${i + 1}`} first={i === 0} clause={clause} attributes={attributes} disabled={disabled} fault={faults.get(clause.id)}
            onChange={setClause} onRemove={disabled || rule.clauses.length === 1 ? undefined : () => onChange({ ...rule, clauses: rule.clauses.filter(({ id }) => id !== clause.id) })}
          />
        ))}
        {!disabled && (
          <ActionButton
            className={classes.add} variant="subtle" size="compact-sm" leftSection={<IconPlus size={15} aria-hidden />}
            onClick={() => onChange({ ...rule, clauses: [...rule.clauses, unsavedClause()] })}
          >
            Add condition
          </ActionButton>
        )}
        <div className={classes.then}>
          <span className={classes.serve} aria-hidden>SERVE</span>
          <ServeChoice at={at} flag={flag} label={label} serve={rule.serve} disabled={disabled} onChange={(serve) => onChange({ ...rule, serve })} />
        </div>
        {fault && <p className={classes.fault} role="alert">{fault}</p>}
      </div>
    </li>
  );
});

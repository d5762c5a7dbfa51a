import { IconPlus } from '@tabler/icons-react';
import { useCallback, useMemo, useState } from 'react';

import { ActionButton } from '@/components/ActionButton';
import type { FlagPlace } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import { same, unsavedRule, type Rule } from '@/features/flags/api/targeting';
import type { Faults } from '@/features/flags/api/targetingFaults';
import type { EditedTargeting } from '@/features/flags/api/useTargeting';
import type { Names } from '@/features/flags/components/changeWords';
import { RuleCard } from '@/features/flags/components/RuleCard';
import { RuleWords } from '@/features/flags/components/RuleWords';
import classes from '@/features/flags/components/Targeting.module.css';

/** So many rules are open at once; of more, those that somebody opens or edits. */
const mostOpen = 15;

interface RuleListProps {
  at: FlagPlace;
  flag: Flag;
  names: Names;
  rules: readonly Rule[];
  saved: readonly Rule[];
  faults: Faults;
  refused: string | undefined;
  edit: EditedTargeting['edit'];
}

/** The rules in the order in which they are tried. The first that matches decides. */
export function RuleList({ at, flag, names, rules, saved, faults, refused, edit }: RuleListProps) {
  const [dragged, setDragged] = useState<string>();
  const [opened, setOpened] = useState<readonly string[]>([]);
  const attributes = useMemo(() => [...new Set(saved.flatMap(({ clauses }) => clauses).filter(({ kind }) => kind !== undefined).map(({ attribute }) => attribute))], [saved]);
  // The same functions for all rules and at all times: typing in one rule must not draw the others anew.
  const change = useCallback((rule: Rule) => edit((now) => ({ rules: now.rules.map((one) => (one.id === rule.id ? rule : one)) })), [edit]);
  const remove = useCallback((id: string) => edit((now) => ({ rules: now.rules.filter((one) => one.id !== id) })), [edit]);
  const move = useCallback((id: string, to: (from: number) => number) => edit((now) => ({ rules: moved(now.rules, id, to) })), [edit]);
  const drop = useCallback((id: string, onto: string) => {
    setDragged(undefined);
    edit((now) => ({ rules: moved(now.rules, id, () => now.rules.findIndex((one) => one.id === onto)) }));
  }, [edit]);
  return (
    <>
      {rules.length > 0 && (
        <ol className={classes.rules} aria-label="Rules">
          {rules.map((rule, i) => {
            const known = saved.find(({ id }) => id === rule.id);
            const mark = known ? (same(known, rule) ? undefined : 'edited') : 'new';
            if (rules.length > mostOpen && mark === undefined && !opened.includes(rule.id)) {
              return <RuleWords key={rule.id} names={names} rule={rule} number={i + 1} onOpen={() => setOpened([...opened, rule.id])} />;
            }
            return (
              <RuleCard
                key={rule.id} at={at} flag={flag} rule={rule} number={i + 1} last={i === rules.length - 1} attributes={attributes} faults={faults} refused={refused}
                mark={mark} dragged={dragged === rule.id} onChange={change} onMove={move} onRemove={remove} onDrag={setDragged} onDrop={drop}
              />
            );
          })}
        </ol>
      )}
      <div className={classes.row}>
        <ActionButton variant="default" leftSection={<IconPlus size={16} aria-hidden />} refused={refused} onClick={() => edit((now) => ({ rules: [...now.rules, unsavedRule()] }))}>Add rule</ActionButton>
        {refused && <span className={classes.hint}>{refused}</span>}
      </div>
    </>
  );
}

/** The rules with one of them elsewhere. */
function moved(rules: Rule[], id: string, to: (from: number) => number): Rule[] {
  const from = rules.findIndex((one) => one.id === id);
  const rule = rules[from];
  if (!rule) return rules;
  const others = rules.filter((one) => one.id !== id);
  const place = Math.min(Math.max(0, to(from)), others.length);
  return [...others.slice(0, place), rule, ...others.slice(place)];
}

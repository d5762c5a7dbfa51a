import { Button } from '@mantine/core';

import type { Rule } from '@/features/flags/api/targeting';
import { serveWords, type Names } from '@/features/flags/components/changeWords';
import { clauseWords } from '@/features/flags/components/clauseWords';
import classes from '@/features/flags/components/Rule.module.css';

interface RuleWordsProps {
  names: Names;
  rule: Rule;
  number: number;
  onOpen: () => void;
}

/** A rule in one sentence, where there are too many to have all of them open. */
export function RuleWords({ names, rule, number, onOpen }: RuleWordsProps) {
  return (
    <li className={classes.words} aria-label={`Rule ${number}`}>
      <span className={classes.number}>{number}</span>
      <p>
        {rule.description !== '' && <b>{rule.description}: </b>}
        if {rule.clauses.map((clause) => clauseWords(clause, names.segment)).join(' and ')} serve {serveWords(names, rule.serve)}
        {rule.disabled && ', off for SDKs'}
      </p>
      <Button variant="subtle" size="compact-sm" aria-label={`Open rule ${number}`} onClick={onOpen}>Open</Button>
    </li>
  );
}

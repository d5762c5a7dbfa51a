import type { Statement } from '@/features/access/api/grant';
import { baseWords, statementWords } from '@/features/access/api/policyWords';
import classes from '@/features/access/components/Access.module.css';
import { Worded } from '@/features/access/components/Worded';

interface PolicyWordsProps {
  statements: readonly Statement[];
  /** What is granted where no statement matches. */
  base: string;
}

/** The statements of a policy in words, numbered as answers name them. */
export function PolicyWords({ statements, base }: PolicyWordsProps) {
  return (
    <div className={classes.words}>
      <ol aria-label="The policy in words">
        {statements.map((statement, i) => (
          <li key={i} data-effect={statement.effect}>
            <span className={classes.number} aria-hidden>{i + 1}</span>
            <span><Worded>{statementWords(statement)}</Worded></span>
          </li>
        ))}
      </ol>
      <p>{baseWords(base)}{statements.some(({ effect }) => effect === 'deny') && ' Of the statements that match, one that denies wins.'}</p>
    </div>
  );
}

import { VisuallyHidden } from '@mantine/core';

import classes from '@/components/FieldDiff.module.css';
import { fieldChanges } from '@/components/fieldChanges';

interface FieldDiffProps {
  /** The object as it was; nothing if it is new. */
  before: unknown;
  /** As it became; nothing if it is gone. */
  after: unknown;
}

/** What changed in an object, field by field: what it was with a minus, what it is with a plus. */
export function FieldDiff({ before, after }: FieldDiffProps) {
  const changes = fieldChanges(before, after);
  if (changes.length === 0) return <p className={classes.none}>None of its fields differ.</p>;
  return (
    <dl className={classes.diff}>
      {changes.map((change) => (
        <div key={change.path}>
          <dt>{change.path}</dt>
          {change.removed !== undefined && <Line sign="−" was>{change.removed}</Line>}
          {change.added !== undefined && <Line sign="+">{change.added}</Line>}
        </div>
      ))}
    </dl>
  );
}

function Line({ sign, was = false, children }: { sign: string; was?: boolean; children: string }) {
  return (
    <dd className={classes.line} data-was={was || undefined}>
      <span aria-hidden>{sign}</span>
      <VisuallyHidden>{was ? 'was' : 'is'} </VisuallyHidden>
      <code>{children}</code>
    </dd>
  );
}

import { Tooltip } from '@mantine/core';
import { Fragment } from 'react';

import classes from '@/components/KeyText.module.css';
import { breakable, middleCut } from '@/lib/cut';

const most = 80;

/** A context key: lines end between its parts, and what is cut out of a long one is there for pointer and keys. */
export function KeyText({ text }: { text: string }) {
  const cut = middleCut(text, most);
  const parts = breakable(cut).map((part, i) => <Fragment key={i}>{i > 0 && <wbr />}{part}</Fragment>);
  if (cut === text) return <span className={classes.key}>{parts}</span>;
  return (
    <Tooltip label={text} multiline maw={320} classNames={{ tooltip: classes.whole }} events={{ hover: true, focus: true, touch: true }}>
      <span className={classes.key} tabIndex={0}>{parts}</span>
    </Tooltip>
  );
}

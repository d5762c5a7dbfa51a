import { ActionIcon, Tooltip } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';

import { middleCut } from '@/lib/cut';
import { useCopy } from '@/lib/useCopy';
import classes from '@/components/CopyText.module.css';

interface CopyTextProps {
  text: string;
  /** What it is: "key". The button is named after it. */
  what: string;
}

/** A key or id that people take elsewhere: cut in the middle if it is long, copied whole. */
export function CopyText({ text, what }: CopyTextProps) {
  const { copied, copy } = useCopy();
  return (
    <span className={classes.copy}>
      <code title={text}>{middleCut(text, 48)}</code>
      <Tooltip label={copied ? 'Copied' : 'Copy'}>
        <ActionIcon variant="subtle" size={22} color="gray" aria-label={`Copy ${what}`} onClick={() => copy(text)}>
          {copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />}
        </ActionIcon>
      </Tooltip>
      <span role="status" className={classes.told}>{copied ? 'Copied' : ''}</span>
    </span>
  );
}

import { Button } from '@mantine/core';
import { IconCopy } from '@tabler/icons-react';
import { useState } from 'react';

import { useCopy } from '@/lib/useCopy';
import classes from '@/components/CodeBlock.module.css';

interface CodeBlockProps {
  label: string;
  code: string;
  /** Parts of the code that are masked until somebody asks for them; they are copied whole. */
  secret?: string | readonly string[];
  /** The name of the copying button, where "Copy" would not tell which. */
  copyLabel?: string;
  /** Copying is what comes next, so its button has the focus. */
  copyNext?: boolean;
}

/** Something to paste elsewhere. */
export function CodeBlock({ label, code, secret, copyLabel = 'Copy', copyNext }: CodeBlockProps) {
  const { copied, copy } = useCopy();
  const [open, show] = useState(false);
  const secrets = typeof secret === 'string' ? [secret] : (secret ?? []);
  const text = open ? code : secrets.reduce((shown, one) => shown.replaceAll(one, masked(one)), code);
  return (
    <figure className={classes.block} aria-label={label}>
      <figcaption className={classes.head}>
        <span>{label}</span>
        {secrets.length > 0 && <Button variant="subtle" size="compact-sm" onClick={() => show(!open)}>{open ? 'Hide' : 'Show'}</Button>}
        <Button variant="subtle" size="compact-sm" leftSection={<IconCopy size={15} aria-hidden />} autoFocus={copyNext} onClick={() => copy(code)}>
          {copied ? 'Copied' : copyLabel}
        </Button>
      </figcaption>
      <pre tabIndex={0}>{text}</pre>
      <span role="status" className={classes.told}>{copied ? 'Copied' : ''}</span>
    </figure>
  );
}

/** A secret as its first six and last four characters. */
export function masked(secret: string): string {
  return secret.length <= 12 ? '••••••' : `${secret.slice(0, 6)}…${secret.slice(-4)}`;
}

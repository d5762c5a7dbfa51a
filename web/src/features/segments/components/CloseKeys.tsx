import { Button } from '@mantine/core';

import { Note } from '@/components/Note';
import { differenceOf } from '@/features/segments/api/verdict';
import classes from '@/features/segments/components/WhyDrawer.module.css';

interface CloseKeysProps {
  contextKey: string;
  near: readonly string[];
  tool: string | undefined;
  onShow: (contextKey: string) => void;
}

/** Members whose key looks like the one that is not in. */
export function CloseKeys({ contextKey, near, tool, onShow }: CloseKeysProps) {
  return (
    <Note tone="info">
      <b>A close key is in.</b>
      {near.map((key) => (
        <div key={key} className={classes.near}>
          <code>{key}</code> differs {differenceOf(contextKey, key)}.{' '}
          <Button variant="subtle" size="compact-sm" px={0} onClick={() => onShow(key)}>Show that key</Button>
        </div>
      ))}
      Keys must match byte for byte: send the same key from {tool ?? 'where the members come from'} and from your SDK.
    </Note>
  );
}

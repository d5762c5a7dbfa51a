import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';

import classes from '@/features/segments/components/Members.module.css';

/** Asks about a key that is not listed. */
export function AskWhyNot({ onAsk }: { onAsk: (contextKey: string) => void }) {
  const [open, setOpen] = useState(false);
  const [key, setKey] = useState('');
  return (
    <div className={classes.ask}>
      <span>Looking for someone who is not listed?</span>
      {open
        ? (
            <form
              onSubmit={(event) => {
                event.preventDefault();
                if (key !== '') onAsk(key);
              }}
            >
              <TextInput aria-label="Context key" placeholder="The exact key" value={key} onChange={(event) => setKey(event.currentTarget.value)} spellCheck={false} autoComplete="off" autoFocus />
              <Button type="submit" variant="default">Ask</Button>
            </form>
          )
        : <Button variant="subtle" size="compact-md" onClick={() => setOpen(true)}>Ask why a key is not in</Button>}
    </div>
  );
}

import { Modal } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useRouter } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';

import classes from '@/app/shell/CommandPalette.module.css';
import { rememberEntry, type Entry } from '@/app/shell/palette';
import { usePaletteEntries } from '@/app/shell/usePaletteEntries';
import type { Place } from '@/lib/place';

interface CommandPaletteProps {
  place: Place | undefined;
  opened: boolean;
  onClose: () => void;
  /** Opens the list of keys. */
  onList: () => void;
}

/** Leads to anything that has a name. It is there with the key that opens it, without a motion: who types on loses no letter. */
export function CommandPalette({ opened, ...props }: CommandPaletteProps) {
  return (
    <Modal.Root
      opened={opened} onClose={props.onClose} transitionProps={{ duration: 0 }} padding={0} size={600} radius={12} yOffset="12vh"
      classNames={{ inner: classes.inner, content: classes.content }}
    >
      <Modal.Overlay />
      <Modal.Content aria-label="Search or jump to">
        <Modal.Body className={classes.body}>
          <Palette {...props} />
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

/** Takes the focus before the next key is heard, and after the dialog has noted where the focus was: its own trap takes it a moment later. */
function focusAtOnce(input: HTMLInputElement | null) {
  queueMicrotask(() => input?.focus());
}

function Palette({ place, onClose, onList }: Omit<CommandPaletteProps, 'opened'>) {
  const router = useRouter();
  const [text, setText] = useState('');
  const [words] = useDebouncedValue(text.trim(), 60);
  const entries = usePaletteEntries(place, words, onList);
  const [marked, mark] = useState(0);
  const at = Math.min(marked, entries.length - 1);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    list.current?.children.item(at)?.scrollIntoView({ block: 'nearest' });
  }, [at]);

  const choose = (entry: Entry | undefined, tab: boolean) => {
    if (!entry) return;
    rememberEntry(entry);
    if (tab && entry.href !== undefined) {
      window.open(entry.href, '_blank', 'noopener');
      return;
    }
    setText('');
    onClose();
    if (entry.href !== undefined) router.history.push(entry.href);
    entry.run?.();
  };
  const press = (event: React.KeyboardEvent) => {
    const steps: Partial<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 };
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      mark((at + step + entries.length) % entries.length);
    }
    if (event.key === 'Enter') choose(entries[at], event.ctrlKey || event.metaKey);
  };
  return (
    <>
      <div className={classes.field}>
        <IconSearch size={18} aria-hidden />
        <input
          ref={focusAtOnce} className={classes.input} type="text" role="combobox" aria-label="Search or jump to" aria-expanded aria-controls="palette-entries" aria-autocomplete="list"
          aria-activedescendant={entries[at] && `palette-${at}`} placeholder="Search or jump to…" autoComplete="off" spellCheck={false} data-autofocus
          value={text}
          onChange={(event) => {
            setText(event.currentTarget.value);
            mark(0);
          }}
          onKeyDown={press}
        />
      </div>
      <ul ref={list} id="palette-entries" role="listbox" aria-label="Results" className={classes.entries}>
        {entries.map((entry, i) => (
          <li
            key={entry.id} id={`palette-${i}`} role="option" aria-selected={i === at} className={classes.entry}
            onMouseMove={() => mark(i)} onClick={(event) => choose(entry, event.ctrlKey || event.metaKey)}
          >
            <span className={classes.label}>{entry.label}</span>
            <span className={classes.kind}>{entry.kind}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

import { useId, useRef, useState } from 'react';
import { flushSync } from 'react-dom';

import { matches, placeAt, type Place } from '@/features/access/api/completion';
import { useVocabulary } from '@/features/access/api/policy';
import type { PolicyProblem } from '@/features/access/api/policyText';
import classes from '@/features/access/components/PolicyEditor.module.css';
import { sentence } from '@/lib/sentence';

const members = ['effect', 'actions', 'notActions', 'resources', 'notResources'];
const effects = ['allow', 'deny'];
const leastRows = 12;
const mostRows = 30;

/** Scrolls the list to the option that the keys have reached. */
function showOption(option: HTMLLIElement | null) {
  option?.scrollIntoView({ block: 'nearest' });
}

interface PolicyEditorProps {
  text: string;
  onChange: (text: string) => void;
  problem: PolicyProblem | undefined;
  readOnly?: boolean;
}

/** The JSON of a policy: lines are counted, a wrong one is marked, and what can stand in quotes is offered. */
export function PolicyEditor({ text, onChange, problem, readOnly }: PolicyEditorProps) {
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState<Place & { scrolled: number }>();
  const [chosen, choose] = useState(0);
  const vocabulary = useVocabulary(place?.what === 'resource' ? place.typed : '');
  const lines = text.split('\n').length;
  const rows = Math.min(mostRows, Math.max(leastRows, lines + 1));
  const candidates = { action: vocabulary.actions, resource: vocabulary.resources, effect: effects, member: members };
  const offered = place ? matches(candidates[place.what], place.typed) : [];
  const close = () => setPlace(undefined);
  const look = ({ value, selectionStart, selectionEnd, scrollTop }: HTMLTextAreaElement) => {
    const at = selectionStart === selectionEnd ? placeAt(value, selectionStart) : undefined;
    setPlace(at && { ...at, scrolled: scrollTop });
    choose(0);
  };
  const accept = (word: string) => {
    const { current } = area;
    if (!place || !current) return;
    const rest = text.slice(place.to).replace(/^"?/, '"');
    // The text has to stand there before the caret can go behind it.
    flushSync(() => onChange(text.slice(0, place.from) + word + rest));
    close();
    const caret = place.from + word.length + 1;
    current.focus();
    current.setSelectionRange(caret, caret);
  };
  const press = (event: React.KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.ctrlKey && event.key === ' ') {
      event.preventDefault();
      look(event.currentTarget);
      return;
    }
    if (offered.length === 0) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const word = offered[chosen];
    if (step !== undefined) choose((chosen + step + offered.length) % offered.length);
    else if (event.key === 'Enter' && word !== undefined) accept(word);
    else if (event.key === 'Escape') close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div className={classes.editor}>
      <label htmlFor={id} className={classes.label}>Policy as JSON</label>
      <div className={classes.frame} data-wrong={problem !== undefined || undefined}>
        <div ref={gutter} className={classes.gutter} aria-hidden>
          {Array.from({ length: lines }, (_, i) => <div key={i} data-wrong={problem?.line === i + 1 || undefined}>{i + 1}</div>)}
        </div>
        <textarea
          ref={area} id={id} className={classes.text} value={text} rows={rows} wrap="off" spellCheck={false} autoCapitalize="off" autoComplete="off" readOnly={readOnly}
          aria-invalid={problem !== undefined} aria-describedby={`${id}-state`} aria-autocomplete="list"
          aria-controls={offered.length > 0 ? `${id}-list` : undefined} aria-activedescendant={offered.length > 0 ? `${id}-${chosen}` : undefined}
          onChange={(event) => {
            onChange(event.currentTarget.value);
            look(event.currentTarget);
          }}
          onKeyDown={press} onBlur={close} onClick={close}
          onScroll={(event) => {
            if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop;
          }}
        />
      </div>
      {place && offered.length > 0 && (
        <ul
          id={`${id}-list`} role="listbox" aria-label="What can stand here" className={classes.offered}
          style={{ '--row': text.slice(0, place.from).split('\n').length, '--scrolled': `${place.scrolled}px` }}
        >
          {offered.map((word, i) => (
            <li
              key={word} id={`${id}-${i}`} role="option" aria-selected={i === chosen} ref={i === chosen ? showOption : undefined}
              // The text keeps the focus.
              onMouseDown={(event) => event.preventDefault()} onClick={() => accept(word)}
            >
              {word}
            </li>
          ))}
        </ul>
      )}
      <p id={`${id}-state`} className={classes.state} data-wrong={problem !== undefined || undefined} role="status">
        {problem ? `Line ${problem.line}: ${sentence(problem.message)}` : 'Ctrl Space offers what can stand in quotes.'}
      </p>
    </div>
  );
}

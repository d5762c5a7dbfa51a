import { Button, Checkbox } from '@mantine/core';

import type { Mode, Reading } from '@/features/sources/api/uploads';
import classes from '@/features/sources/components/Source.module.css';
import { Step } from '@/features/sources/components/Steps';

const modes: readonly { mode: Mode; word: string; means: string }[] = [
  { mode: 'merge', word: 'Add', means: 'Everybody in the file joins. Nobody leaves.' },
  { mode: 'remove', word: 'Remove', means: 'Everybody in the file leaves. Nobody joins.' },
  { mode: 'replace', word: 'Replace', means: 'Everybody who is not in the file leaves.' },
];

interface ModeStepProps {
  value: Pick<Reading, 'mode' | 'override'>;
  /** The tool that the members belong to. */
  tool: string | undefined;
  onChange: (value: Pick<Reading, 'mode' | 'override'>) => void;
}

/** Asks what the list does to the segment. */
export function ModeStep({ value, tool, onChange }: ModeStepProps) {
  return (
    <Step title="What should happen?" state="done">
      <div className={classes.row} role="group" aria-label="Mode">
        {modes.map(({ mode, word }) => (
          <Button key={mode} variant={value.mode === mode ? 'filled' : 'default'} aria-pressed={value.mode === mode} onClick={() => onChange({ ...value, mode })}>{word}</Button>
        ))}
      </div>
      <p>{modes.find(({ mode }) => mode === value.mode)?.means}</p>
      {tool !== undefined && (
        <Checkbox
          label={`Change the members although ${tool} syncs them`} description="Its next sync applies on top, and the segment stays marked as drifted until a full sync."
          checked={value.override} onChange={(event) => onChange({ ...value, override: event.currentTarget.checked })}
        />
      )}
    </Step>
  );
}

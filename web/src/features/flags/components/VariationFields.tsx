import { Textarea, TextInput } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import type { ReactNode } from 'react';

import { ActionButton } from '@/components/ActionButton';
import type { FlagKind, VariationDraft } from '@/features/flags/api/variations';
import classes from '@/features/flags/components/Variations.module.css';

interface VariationFieldsProps {
  kind: FlagKind;
  draft: VariationDraft;
  /** From 0. */
  index: number;
  /** What is wrong with the value. */
  problem: string | undefined;
  readOnly?: boolean;
  onChange: (draft: VariationDraft) => void;
  onRemove: () => void;
  /** Why it cannot be removed. */
  kept: string | undefined;
  /** Stands beneath: where it is served. */
  children?: ReactNode;
}

/** One variation: its value, what people call it, what it is for. */
export function VariationFields({ kind, draft, index, problem, readOnly = false, onChange, onRemove, kept, children }: VariationFieldsProps) {
  const number = index + 1;
  const value = {
    'label': 'Value', 'aria-label': `Value of variation ${number}`, 'value': draft.text, 'error': problem, 'spellCheck': false, 'readOnly': readOnly || kind === 'boolean',
    'classNames': { input: classes.value },
  };
  const type = (text: string) => onChange({ ...draft, text });
  return (
    <li className={classes.variation} aria-label={`Variation ${number}`}>
      <p className={classes.number} aria-hidden>Variation {number}</p>
      <div className={classes.fields} data-kind={kind}>
        {kind === 'json'
          ? <Textarea {...value} autosize minRows={2} maxRows={16} onChange={(event) => type(event.currentTarget.value)} />
          : <TextInput {...value} inputMode={kind === 'number' ? 'decimal' : undefined} onChange={(event) => type(event.currentTarget.value)} />}
        <TextInput
          label="Name" aria-label={`Name of variation ${number}`} value={draft.name} readOnly={readOnly} maxLength={256}
          onChange={(event) => onChange({ ...draft, name: event.currentTarget.value })}
        />
        <TextInput
          label="Description" aria-label={`Description of variation ${number}`} value={draft.description} readOnly={readOnly}
          onChange={(event) => onChange({ ...draft, description: event.currentTarget.value })}
        />
        {kind !== 'boolean' && (
          <ActionButton className={classes.remove} variant="default" refused={kept} onClick={onRemove} aria-label={`Remove variation ${number}`} px={10}>
            <IconTrash size={16} aria-hidden />
          </ActionButton>
        )}
      </div>
      {children}
    </li>
  );
}

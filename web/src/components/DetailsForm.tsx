import type { ReactNode } from 'react';

import classes from '@/components/DetailsForm.module.css';
import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import { SaveBar } from '@/components/SaveBar';
import { sentence } from '@/lib/sentence';
import type { EditedDetails } from '@/lib/useDetails';

/** The order of a field in a form: its hint stands below it. */
export const hintBelow: ('label' | 'input' | 'error' | 'description')[] = ['label', 'input', 'error', 'description'];

interface DetailsFormProps<Details extends object> {
  details: EditedDetails<Details>;
  /** What the details are of: "segment". */
  of: string;
  /** What a detail is by now, as a sentence. */
  words: (name: keyof Details) => string;
  /** Whether what was typed can be saved. */
  ready: boolean;
  children: ReactNode;
}

/** The fields of an object's details in a panel, saved together, with what to do when somebody else was faster. */
export function DetailsForm<Details extends object>({ details, of, words, ready, children }: DetailsFormProps<Details>) {
  const submit = () => {
    if (ready) details.submit();
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Panel title="Details">
        <div className={classes.fields}>
          {children}
          {details.error && (
            <Note tone="bad" role="alert">
              {details.overtaken
                ? (
                    <>
                      <b>Somebody changed this {of} meanwhile.</b> Your edits are kept. Saving again replaces theirs, Discard takes theirs.
                      <ul>{details.theirs.map((name) => <li key={String(name)}>{words(name)}</li>)}</ul>
                    </>
                  )
                : sentence(details.error.message)}
            </Note>
          )}
        </div>
        <SaveBar inPanel changes={details.changes.length} onDiscard={details.discard} busy={details.busy} onSave={submit} />
      </Panel>
    </form>
  );
}

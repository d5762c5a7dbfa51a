import { Checkbox, Radio, TextInput } from '@mantine/core';

import { firstRows, likelyColumn, separatorOf } from '@/features/sources/api/csv';
import type { Reading } from '@/features/sources/api/uploads';
import { Step } from '@/features/sources/components/Steps';
import classes from '@/features/sources/components/Upload.module.css';

type Column = Pick<Reading, 'column' | 'header'>;

/** The column that a table begins with: the likely one, with names in the first row if there is more than one column. */
export function firstColumn(head: string): Column {
  if (head === '') return { column: '' };
  const [names = []] = firstRows(head, separatorOf(head), 1);
  const column = likelyColumn(names);
  return { column: String(column), header: names.length > 1 || /^(key|id|user_?id|email)$/i.test(names[0] ?? '') };
}

interface ColumnStepProps {
  head: string;
  value: Column;
  onChange: (value: Column) => void;
}

/** Asks which column holds the keys, beside the first rows of the file. */
export function ColumnStep({ head, value, onChange }: ColumnStepProps) {
  if (head === '') {
    return (
      <Step title="Which column is the key?" state="done">
        <TextInput
          label="Column or field of the key" maw={320} value={value.column} placeholder="key" spellCheck={false}
          description="Its name, or its index from 0. Left empty, muster looks for key, id or email." onChange={(event) => onChange({ column: event.currentTarget.value.trim() })}
        />
      </Step>
    );
  }
  const header = value.header ?? false;
  const rows = firstRows(head, separatorOf(head), header ? 6 : 5);
  const names = header ? (rows[0] ?? []) : (rows[0] ?? []).map((_, i) => `Column ${i + 1}`);
  const chosen = Math.min(Number(value.column), Math.max(0, names.length - 1));
  return (
    <Step title="Which column is the key?" state="done">
      <div className={classes.table} role="group" aria-label="First rows" tabIndex={0}>
        <table>
          <thead>
            <tr>
              {names.map((name, i) => (
                <th key={i} scope="col" data-chosen={i === chosen || undefined}>
                  <Radio name="column" label={name === '' ? `Column ${i + 1}` : name} checked={i === chosen} onChange={() => onChange({ ...value, column: String(i) })} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {(header ? rows.slice(1) : rows).map((row, i) => (
              <tr key={i}>{names.map((_, at) => <td key={at} data-chosen={at === chosen || undefined} title={row[at]}>{row[at]}</td>)}</tr>
            ))}
          </tbody>
        </table>
      </div>
      <Checkbox label="The first row holds column names" checked={header} onChange={(event) => onChange({ column: String(chosen), header: event.currentTarget.checked })} />
    </Step>
  );
}

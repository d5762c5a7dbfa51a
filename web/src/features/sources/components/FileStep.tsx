import { Button } from '@mantine/core';
import { useId, useState, type DragEvent } from 'react';

import { Step } from '@/features/sources/components/Steps';
import classes from '@/features/sources/components/Upload.module.css';
import { bytes } from '@/features/sources/api/bytes';

interface FileStepProps {
  file: File | undefined;
  onFile: (file: File | undefined) => void;
}

/** Takes a file, dropped or chosen. */
export function FileStep({ file, onFile }: FileStepProps) {
  const id = useId();
  const [over, setOver] = useState(false);
  if (file) {
    return (
      <Step title="File" state="done">
        <p>{file.name}, {bytes(file.size)}.</p>
        <div><Button variant="default" onClick={() => onFile(undefined)}>Choose another</Button></div>
      </Step>
    );
  }
  const drag = (event: DragEvent, entered: boolean) => {
    event.preventDefault();
    setOver(entered);
  };
  return (
    <Step title="File" state="on">
      <div
        className={classes.drop} data-over={over || undefined} onDragOver={(event) => drag(event, true)} onDragLeave={(event) => drag(event, false)}
        onDrop={(event) => {
          drag(event, false);
          onFile(event.dataTransfer.files[0]);
        }}
      >
        <p>Drop a CSV here or</p>
        <label htmlFor={id}><Button component="span" variant="default">Choose a file</Button></label>
        <input
          id={id} className={classes.input} type="file" accept=".csv,.tsv,.txt,.ndjson,.jsonl,.json,.gz,.zst"
          onChange={(event) => onFile(event.currentTarget.files?.[0])}
        />
        <p>One key a row. CSV, NDJSON or JSON, of any size; gzip and zstd too.</p>
      </div>
    </Step>
  );
}

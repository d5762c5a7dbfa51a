import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { separatorOf } from '@/features/sources/api/csv';
import { segmentQuery, type Reading, type Segment } from '@/features/sources/api/uploads';
import { useHead } from '@/features/sources/api/useHead';
import { ColumnStep, firstColumn } from '@/features/sources/components/ColumnStep';
import { DifferenceStep } from '@/features/sources/components/DifferenceStep';
import { FileStep } from '@/features/sources/components/FileStep';
import { ModeStep } from '@/features/sources/components/ModeStep';
import { Step, Steps } from '@/features/sources/components/Steps';
import { toolName } from '@/lib/api/tools';
import type { Place } from '@/lib/place';

interface UploadStepsProps {
  place: Place;
  segment: Segment;
  onImport: (id: string) => void;
}

/** From a file to an import, in four steps. */
export function UploadSteps({ place, segment, onImport }: UploadStepsProps) {
  const [file, setFile] = useState<File>();
  return (
    <Steps>
      <FileStep file={file} onFile={setFile} />
      {file
        ? <FileSteps key={`${file.name} ${file.size} ${file.lastModified}`} place={place} segment={segment} file={file} onImport={onImport} />
        : ['Which column is the key?', 'What should happen?', 'Check the difference'].map((title) => <Step key={title} title={title} state="later">{null}</Step>)}
    </Steps>
  );
}

/** The steps behind that of the file, which depend on what it holds. */
function FileSteps({ place, segment, file, onImport }: UploadStepsProps & { file: File }) {
  const client = useQueryClient();
  const head = useHead(file);
  const [column, setColumn] = useState<Pick<Reading, 'column' | 'header'>>();
  const [what, setWhat] = useState<Pick<Reading, 'mode' | 'override'>>({ mode: 'merge', override: false });
  if (head === undefined) return null;
  const chosen = column ?? firstColumn(head);
  const reading = { ...chosen, ...what, separator: head === '' ? undefined : separatorOf(head) };
  const tool = segment._external === undefined ? undefined : toolName(segment._external);
  return (
    <>
      <ColumnStep head={head} value={chosen} onChange={setColumn} />
      <ModeStep value={what} tool={tool} onChange={setWhat} />
      <DifferenceStep
        key={JSON.stringify(reading)} place={place} segment={segment.key} file={file} reading={reading} onImport={onImport}
        refused={tool !== undefined && !what.override ? `${tool} syncs these members. Tick above that you change them nevertheless.` : undefined}
        members={async () => membersOf(await client.query({ ...segmentQuery(place, segment.key), staleTime: 0 }))}
      />
    </>
  );
}

/** How many are in the segment by key. */
function membersOf(segment: Segment): number {
  return segment._unboundedMetadata?.includedCount ?? segment.included.length;
}

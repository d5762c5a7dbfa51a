import { Button } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';

import { ActionButton } from '@/components/ActionButton';
import { DiffStrip } from '@/components/DiffStrip';
import { Note } from '@/components/Note';
import { Progress } from '@/components/Progress';
import { changesOf, importList, preview, segmentQuery, type Preview, type Reading } from '@/features/sources/api/uploads';
import classes from '@/features/sources/components/Source.module.css';
import { StopSending } from '@/features/sources/components/StopSending';
import { Step } from '@/features/sources/components/Steps';
import upload from '@/features/sources/components/Upload.module.css';
import { environmentQuery } from '@/lib/api/environment';
import { environmentResource, tagged, useRefused } from '@/lib/api/permission';
import { counted, digits } from '@/lib/number';
import type { Place } from '@/lib/place';
import { sentence } from '@/lib/sentence';

interface DifferenceStepProps {
  place: Place;
  segment: string;
  /** How many are in the segment, asked anew for each dry run. */
  members: () => Promise<number>;
  file: File;
  reading: Reading;
  /** Why the list cannot be sent as things are. */
  refused: string | undefined;
  onImport: (id: string) => void;
}

/** Shows what the list would change, and then imports it. */
export function DifferenceStep({ place, segment, members, file, reading, refused, onImport }: DifferenceStepProps) {
  const [sent, setSent] = useState(0);
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const sending = () => {
    stop.current?.abort();
    stop.current = new AbortController();
    setSent(0);
    return { file, reading, onSent: setSent, signal: stop.current.signal };
  };
  const check = useMutation({ mutationFn: async () => ({ plan: await preview(place, segment, sending()), now: await members() }) });
  const run = useMutation({ mutationFn: () => importList(place, segment, sending()), onSuccess: onImport });
  const diff = useMutation({ mutationFn: () => changesOf(place, segment, sending()), onSuccess: save });
  const mayNotExport = useMayNotExport(place, segment);
  const error = run.error ?? diff.error ?? check.error;
  const sendingNow = check.isPending || run.isPending || diff.isPending;
  return (
    <Step title="Check the difference" state="on">
      {check.isSuccess && <Difference plan={check.data.plan} now={check.data.now} />}
      {sendingNow && <Progress percent={file.size === 0 ? undefined : (100 * sent) / file.size} done={sent} what={`of ${digits(file.size)} bytes sent`} />}
      <StopSending sending={run.isPending} />
      {error && <Note tone="bad" role="alert">{sentence(error.message)}</Note>}
      <div className={classes.row}>
        {check.data && check.data.plan.skipped < check.data.plan.received
          ? <Button loading={run.isPending} disabled={diff.isPending} onClick={() => run.mutate()}>{lastButton(reading, check.data.plan, check.data.now)}</Button>
          : <ActionButton refused={refused} loading={check.isPending} onClick={() => check.mutate()}>Check the difference</ActionButton>}
        {check.data && check.data.plan.added + check.data.plan.removed > 0 && (
          <ActionButton
            variant="default" leftSection={<IconDownload size={16} aria-hidden />} refused={mayNotExport} loading={diff.isPending} disabled={run.isPending}
            onClick={() => diff.mutate()}
          >
            Download the full diff
          </ActionButton>
        )}
      </div>
    </Step>
  );
}

/** Why the person who is signed in may not download keys of members. */
function useMayNotExport(place: Place, key: string): string | undefined {
  const { data: segment } = useQuery(segmentQuery(place, key));
  const { data: environment } = useQuery(environmentQuery(place));
  return useRefused('exportMembers', segment && environment && `${environmentResource(place, environment)}:${tagged(`segment/${key}`, segment.tags)}`, 'this segment');
}

/** Has the browser save a difference. */
function save(rows: Blob) {
  const anchor = document.createElement('a');
  anchor.href = URL.createObjectURL(rows);
  anchor.download = 'diff-import.csv';
  anchor.click();
  URL.revokeObjectURL(anchor.href);
}

/** What the last button does, with the number that it does it to. */
function lastButton({ mode }: Reading, plan: Preview, now: number): string {
  switch (mode) {
    case 'replace': return `Replace with ${counted(now - plan.removed + plan.added, 'member')}`;
    case 'remove': return `Remove ${counted(plan.removed, 'member')}`;
    default: return `Add ${counted(plan.added, 'member')}`;
  }
}

function Difference({ plan, now }: { plan: Preview; now: number }) {
  if (plan.received > 0 && plan.skipped === plan.received) {
    return <Note tone="bad" role="alert"><b>Every row would be left out.</b> Is the key in another column?<Skips plan={plan} /></Note>;
  }
  return (
    <section aria-label="The difference" className={classes.aside}>
      <p>{counted(plan.received, 'row')} read, {digits(plan.unchanged)} of them change nothing.</p>
      <DiffStrip now={now} leave={plan.removed} join={plan.added} samples={{ leave: plan.samples.removed.slice(0, 20), join: plan.samples.added.slice(0, 20) }} />
      {plan.skipped > 0 && (
        <Note tone="warn">
          <b>{counted(plan.skipped, 'row')} will be left out.</b> All of them can be downloaded after the import.
          <Skips plan={plan} />
        </Note>
      )}
      {plan.wouldHold && <Note tone="held"><b>The guard will hold this import.</b> It loses more members than the guard allows at once: nothing changes until somebody releases it.</Note>}
    </section>
  );
}

function Skips({ plan }: { plan: Preview }) {
  return (
    <ul className={upload.skips}>
      {plan.samples.skipped?.slice(0, 5).map((skip) => <li key={skip.row}>Row {digits(skip.row)}: {sentence(skip.reason)}</li>)}
    </ul>
  );
}

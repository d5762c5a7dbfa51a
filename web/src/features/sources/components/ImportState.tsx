import { Button } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { ErrorState } from '@/components/ErrorState';
import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import { Progress } from '@/components/Progress';
import { importQuery, rejectsHref, type Import } from '@/features/sources/api/uploads';
import classes from '@/features/sources/components/Source.module.css';
import { counted, digits } from '@/lib/number';
import type { Place } from '@/lib/place';
import { sentence } from '@/lib/sentence';

interface ImportStateProps {
  place: Place;
  segment: string;
  id: string;
  onAnother: () => void;
}

/** How an import is getting on. It is the server's work: the page may be closed meanwhile. */
export function ImportState({ place, segment, id, onAnother }: ImportStateProps) {
  const { data, error, refetch } = useQuery(importQuery(place, segment, id));
  const over = data && ['complete', 'held', 'stopped'].includes(data.status);
  const rejects = over && (data.result?.skipped ?? 0) > 0;
  return (
    <Panel title="Import">
      <div className={classes.aside}>
        {error && !data && <ErrorState title="The import could not be loaded. It goes on." error={error} onRetry={() => void refetch()} />}
        {data && <State data={data} />}
        <div className={classes.row}>
          {data?.status === 'held' && (
            <Button renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/segments/$segment/syncs/$run" params={{ ...place, segment, run: data.runId }} />}>Review the held sync</Button>
          )}
          <Button variant={data?.status === 'held' ? 'default' : 'filled'} renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/segments/$segment" params={{ ...place, segment }} />}>Open segment</Button>
          {rejects && (
            <Button variant="default" leftSection={<IconDownload size={16} aria-hidden />} component="a" href={rejectsHref(place, segment, data.runId)} download>Rejected rows</Button>
          )}
          <Button variant="default" onClick={onAnother}>Upload another list</Button>
        </div>
      </div>
    </Panel>
  );
}

function State({ data }: { data: Import }) {
  switch (data.status) {
    case 'complete':
      return (
        <Note tone="ok" role="status">
          <b>The import is done.</b>{' '}
          {data.result && `${counted(data.result.added, 'member')} joined, ${digits(data.result.removed)} left, ${counted(data.result.skipped, 'row was', 'rows were')} left out.`}
        </Note>
      );
    case 'held':
      return <Note tone="held" role="status"><b>The guard holds this import.</b> Nothing has changed yet. Look at what it would do, then release or discard it.</Note>;
    case 'stopped':
      return <Note tone="bad" role="alert"><b>The import was stopped.</b> {data.error && sentence(data.error.message)} Nobody joined or left.</Note>;
    case 'ready':
      return <Note tone="info" role="status"><b>The import waits to be approved.</b> Nothing has changed yet.</Note>;
    default: {
      const { bytesRead = 0, bytesTotal = 0, rows = 0 } = data.progress ?? {};
      return (
        <>
          <p>{bytesTotal > 0 && bytesRead >= bytesTotal ? 'The list is here and is being sorted.' : 'The list is being read.'} You can close this page.</p>
          <Progress percent={bytesTotal > 0 ? (100 * bytesRead) / bytesTotal : undefined} done={rows} what="rows read" />
        </>
      );
    }
  }
}

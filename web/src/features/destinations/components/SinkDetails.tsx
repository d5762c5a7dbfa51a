import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';

import { CopyText } from '@/components/CopyText';
import { ErrorState } from '@/components/ErrorState';
import { Note } from '@/components/Note';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { Progress } from '@/components/Progress';
import type { Follower } from '@/features/destinations/api/followers';
import { destinationSearch, type DestinationSearch } from '@/features/destinations/api/search';
import { configOfSink } from '@/features/destinations/api/settings';
import { sinkQuery, sinkStateQuery, type SinkPlace } from '@/features/destinations/api/sinks';
import { BrokenSink } from '@/features/destinations/components/BrokenSink';
import classes from '@/features/destinations/components/Destinations.module.css';
import { nameOf, percentOf, storeWords } from '@/features/destinations/components/destinationWords';
import { FollowerState } from '@/features/destinations/components/FollowerState';
import { LoadedSegments } from '@/features/destinations/components/LoadedSegments';
import { SinkActions } from '@/features/destinations/components/SinkActions';
import { SinkErrors } from '@/features/destinations/components/SinkErrors';
import { SinkFigures } from '@/features/destinations/components/SinkFigures';
import { SinkQuestions } from '@/features/destinations/components/SinkQuestions';
import { VerificationPanel } from '@/features/destinations/components/VerificationPanel';
import { counted } from '@/lib/number';
import { sentence } from '@/lib/sentence';

/** All of how a store is doing. */
export function SinkDetails({ at, follower }: { at: SinkPlace; follower: Follower }) {
  const { ask, page = 1 } = destinationSearch(useSearch({ strict: false }));
  const navigate = useNavigate();
  const { data: sink } = useQuery(sinkQuery(at));
  const { data: state, error, refetch } = useQuery({ ...sinkStateQuery(at, page), placeholderData: (before) => before });
  const show = (search: DestinationSearch) =>
    void navigate({ to: '/projects/$project/environments/$environment/destinations/$destination', params: { ...at, destination: at.id }, search: { page: page > 1 ? page : undefined, ...search }, resetScroll: false });
  const prefix = sink && configOfSink(sink).prefix;
  const walk = follower.walk;
  return (
    <>
      <PageHeader
        title={nameOf(follower)} beside={<FollowerState follower={follower} />}
        above={[<Link key="destinations" to="/projects/$project/environments/$environment/destinations" params={at}>Destinations</Link>]}
        facts={(
          <>
            <span>{storeWords[at.kind]}, {follower.address}</span>
            {typeof prefix === 'string' && <span className={classes.row}>Prefix <CopyText text={prefix} what="prefix" /></span>}
          </>
        )}
        actions={<SinkActions place={at} follower={follower} onAsk={(question) => show({ ask: question })} />}
      />
      <div className={classes.page}>
        {follower.state === 'failed' && <BrokenSink at={at} follower={follower} onEdit={() => show({ ask: 'edit' })} />}
        {state?.damage && <Note tone="bad"><b>Not everything is in the store.</b> muster cannot read it itself: {sentence(state.damage)}</Note>}
        {error && !state && <Panel><ErrorState title="How it is doing could not be loaded. It is kept current meanwhile." error={error} onRetry={() => void refetch()} /></Panel>}
        <SinkFigures follower={follower} state={state} />
        {walk && <Panel title="Rebuilding"><Progress percent={percentOf(walk)} done={walk.members} what={`of ${counted(walk.of, 'member')} written`} /></Panel>}
        <LoadedSegments place={at} working={follower.state !== 'failed' && follower.state !== 'paused'} state={state} page={page} onPage={(next) => show({ page: next > 1 ? next : undefined })} />
        <div className={classes.pair}>
          <VerificationPanel verification={state?.verification} />
          <SinkErrors state={state} />
        </div>
      </div>
      <SinkQuestions
        at={at} follower={follower} ask={ask} onClose={() => show({})}
        onGone={() => void navigate({ to: '/projects/$project/environments/$environment/destinations', params: at })}
      />
    </>
  );
}

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { Count } from '@/components/Count';
import { DataTable, type Column } from '@/components/DataTable';
import { StatePill } from '@/components/StatePill';
import { followersQuery, usesQuery, type Follower, type SegmentPlace, type Use } from '@/features/segments/api/segment';
import { AllFlags } from '@/features/segments/components/AllFlags';
import classes from '@/features/segments/components/Readers.module.css';
import { counted, digits } from '@/lib/number';

/** How many of the flags are shown here; the others are in their tab. */
const mostFlags = 10;

type Reader = { id: string; flag: Use } | { id: string; follower: Follower };

const kinds: Record<string, string> = { sdk: 'Server-side SDK', stream: 'Client-side SDK', relay: 'Relay', sink: 'Sink' };

/** Flags first, then everything that reads the environment over a stream. */
export function Readers({ at, revision }: { at: SegmentPlace; revision: number | undefined }) {
  const { data: uses } = useQuery(usesQuery(at));
  const { data: followers } = useQuery(followersQuery(at));
  const rows: Reader[] | undefined = uses && followers && [
    ...uses.items.slice(0, mostFlags).map((flag) => ({ id: `flag ${flag.flagKey}`, flag })),
    ...followers.items.filter((follower) => follower.state !== 'off').map((follower) => ({ id: follower._id, follower })),
  ];
  const columns: Column<Reader>[] = [
    {
      key: 'reader', label: 'Reader',
      cell: (reader) => ('flag' in reader
        ? (
            <>
              <Link className={classes.name} to="/projects/$project/environments/$environment/flags/$flag" params={{ ...at, flag: reader.flag.flagKey }}>{reader.flag.flagKey}</Link>
              <div className={classes.under}>{reader.flag.on ? 'on' : 'off'} · {reader.flag.rules.map((rule) => `rule ${rule.ruleIndex + 1}`).join(', ')}</div>
            </>
          )
        : (
            <>
              <span className={classes.name}>{reader.follower.name || kinds[reader.follower.kind] || reader.follower.kind}</span>
              <div className={classes.under}>{[reader.follower.version, reader.follower.count ? counted(reader.follower.count, 'connection') : reader.follower.address].filter(Boolean).join(' · ')}</div>
            </>
          )),
    },
    { key: 'kind', label: 'Kind', priority: 2, cell: (reader) => ('flag' in reader ? 'Flag' : kinds[reader.follower.kind] ?? reader.follower.kind) },
    { key: 'revision', label: 'Loaded revision', numeric: true, priority: 2, cell: (reader) => <Count value={'flag' in reader ? revision ?? null : reader.follower.revision} /> },
    { key: 'lag', label: 'Lag', numeric: true, card: 'figure', cell: (reader) => ('flag' in reader ? '0 s' : `${reader.follower.lagSeconds < 10 ? reader.follower.lagSeconds.toFixed(1) : Math.round(reader.follower.lagSeconds)} s`) },
    { key: 'state', label: 'State', card: 'state', cell: (reader) => <State reader={reader} /> },
  ];
  return (
    <section aria-label="Who reads it" className={classes.readers}>
      <div className={classes.head}><h2>Who reads it</h2><span>Flags, and every place the membership is copied to</span></div>
      <DataTable
        label="Who reads it" columns={columns} rows={rows} rowKey={(reader) => reader.id}
        foot={uses && uses.totalCount > mostFlags && <AllFlags at={at} total={uses.totalCount} />}
        empty={(
          <p className={classes.none}>
            No flag uses this segment yet, and no SDK, relay or sink is connected to the environment.{' '}
            <Link to="/projects/$project/environments/$environment/flags" params={at} search={{ create: true, use: at.segment }}>Use it in a flag</Link>
          </p>
        )}
      />
    </section>
  );
}

function State({ reader }: { reader: Reader }) {
  if ('flag' in reader || reader.follower.state === 'current') return <StatePill state="live" word="Up to date" />;
  if (reader.follower.state === 'failed') return <StatePill state="failed" why={reader.follower.error} />;
  if (reader.follower.state === 'paused') return <StatePill state="off" word="Paused" />;
  return <StatePill state="behind" word={`Behind ${digits(reader.follower.lagRevisions)}`} />;
}

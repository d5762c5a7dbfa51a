import { useQuery } from '@tanstack/react-query';

import { StatePill } from '@/components/StatePill';
import { followersQuery, type Follower, type SegmentPlace } from '@/features/segments/api/segment';
import classes from '@/features/segments/components/WhyDrawer.module.css';
import { shortDuration } from '@/lib/time';

/** What readers answer at this moment about a context. */
export function ReadersSee({ at, included }: { at: SegmentPlace; included: boolean }) {
  const { data } = useQuery(followersQuery(at));
  const behind = data?.items.filter((reader) => reader.state !== 'current') ?? [];
  const word = included ? 'In' : 'Out';
  return (
    <section>
      <h3>What readers see now</h3>
      <ul className={classes.readers}>
        <li>Flags evaluated here, and client-side SDKs <StatePill state={included ? 'live' : 'off'} word={word} /></li>
        {behind.map((reader) => (
          <li key={reader._id}>
            {nameOf(reader)}
            <StatePill state="behind" word="Not known" why={`${nameOf(reader)} is ${shortDuration(reader.lagSeconds * 1000)} behind; its answer may differ until then.`} />
          </li>
        ))}
      </ul>
      <p className={classes.faint}>Server-side SDKs may keep an older answer for up to 5 s.</p>
    </section>
  );
}

/** What people call a reader. */
function nameOf(reader: Follower): string {
  return reader.name || reader.address || reader.kind;
}

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { Note } from '@/components/Note';
import type { Timeline } from '@/features/segments/api/members';
import { segmentQuery, type SegmentPlace } from '@/features/segments/api/segment';
import { changeWords, verdictOf } from '@/features/segments/api/verdict';
import { digits } from '@/lib/number';
import { exactTime } from '@/lib/time';
import { toolName } from '@/lib/api/tools';

/** The answer in a sentence. */
export function VerdictNote({ at, timeline, tool }: { at: SegmentPlace; timeline: Timeline; tool: string | undefined }) {
  const { data: segment } = useQuery(segmentQuery(at));
  const verdict = verdictOf(timeline);
  const by = verdict.by;
  const who = by?.tool ? toolName(by.tool) : tool;
  const known = exactTime(timeline.completeSince);
  const hold = segment?._muster?.hold;
  return (
    <>
      <Note tone={verdict.included ? 'ok' : 'bad'}>
        {verdict.what === 'since' && by && <><b>In since {exactTime(by.at)}.</b> {changeWords(by, who)} and nothing has removed it since.</>}
        {verdict.what === 'long' && <><b>In for long.</b> It was in before {known}, which is as far back as the log goes.</>}
        {verdict.what === 'removed' && by && <><b>Removed {exactTime(by.at)}.</b> {changeWords(by, who)} and nothing has added it since.</>}
        {verdict.what === 'never' && <><b>Never seen in this segment.</b> No sync since {known} has named this exact key.</>}
      </Note>
      {hold && (
        <Note
          tone="held"
          action={<Link to="/projects/$project/environments/$environment/segments/$segment/syncs/$run" params={{ ...at, run: hold.runId }}>Review</Link>}
        >
          A sync that would remove {digits(hold.removed)} members is held. It may be about this key too.
        </Note>
      )}
    </>
  );
}

import { Link } from '@tanstack/react-router';

import { Happening, Happenings } from '@/components/Happenings';
import type { Timeline } from '@/features/segments/api/members';
import type { SegmentPlace } from '@/features/segments/api/segment';
import { changeWords } from '@/features/segments/api/verdict';
import { exactTime } from '@/lib/time';
import { toolName } from '@/lib/api/tools';

const titles = { added: 'Added', removed: 'Removed', excluded: 'Excluded', unexcluded: 'No longer excluded' } as const;

/** When a context joined and left, newest first. */
export function MemberPast({ at, timeline }: { at: SegmentPlace; timeline: Timeline }) {
  if (timeline.items.length === 0) return null;
  return (
    <section>
      <h3>Timeline in this segment</h3>
      <Happenings label="Timeline in this segment">
        {timeline.items.map((item) => (
          <Happening
            key={`${item.revision}-${item.change}`} title={titles[item.change]} at={exactTime(item.at)}
            tone={item.change === 'added' ? 'add' : item.change === 'removed' ? 'remove' : undefined}
          >
            {changeWords(item, item.tool ? toolName(item.tool) : undefined)}
            {item.runId && (
              <> in <Link to="/projects/$project/environments/$environment/segments/$segment/syncs/$run" params={{ ...at, run: item.runId }}>this sync</Link></>
            )}
            {item.undone && (
              <>, undone by <Link to="/projects/$project/environments/$environment/segments/$segment/syncs/$run" params={{ ...at, run: item.undone }}>a later sync</Link></>
            )}
          </Happening>
        ))}
      </Happenings>
    </section>
  );
}

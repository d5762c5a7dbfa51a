import { CopyText } from '@/components/CopyText';
import { Fact, Facts } from '@/components/Facts';
import { Panel } from '@/components/Panel';
import { ToolMark } from '@/components/ToolMark';
import { sourceOf, toolOf } from '@/features/segments/api/facts';
import type { Segment } from '@/features/segments/api/segments';
import { percent } from '@/lib/number';
import { exactTime } from '@/lib/time';

/** Where the members come from. */
export function SourcePanel({ segment }: { segment: Segment }) {
  const muster = segment._muster;
  const tool = toolOf(segment);
  return (
    <Panel title="Source">
      <Facts>
        <Fact label={tool ? 'Tool' : 'From'}><ToolMark name={sourceOf(segment)} /></Fact>
        {muster?.externalName && <Fact label="Name there">{muster.externalName}</Fact>}
        {muster?.externalId && <Fact label="External id"><CopyText text={muster.externalId} what="external id" /></Fact>}
        {muster?.guard && (
          <Fact label="Guard">{muster.guard.shrinkPercent === null ? 'Off for removals' : `Holds a sync if more than ${percent(muster.guard.shrinkPercent)} leave`}</Fact>
        )}
        <Fact label="Created">{exactTime(segment.creationDate)}{tool && ' by first sync'}</Fact>
      </Facts>
    </Panel>
  );
}

import { Button } from '@mantine/core';
import { IconArrowBackUp, IconExternalLink } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';

import { ActionButton } from '@/components/ActionButton';
import { CopyText } from '@/components/CopyText';
import { PageHeader } from '@/components/PageHeader';
import { StatePill } from '@/components/StatePill';
import { Tag } from '@/components/Tag';
import { ToolMark } from '@/components/ToolMark';
import { linkThere, sourceOf, toolOf } from '@/features/segments/api/facts';
import { useRefusal } from '@/features/segments/api/permission';
import { pointsQuery } from '@/features/segments/api/points';
import type { SegmentPlace } from '@/features/segments/api/segment';
import type { Segment } from '@/features/segments/api/segments';
import { driftedWhy } from '@/features/segments/components/runWords';
import { SegmentState } from '@/features/segments/components/SegmentState';

interface SegmentHeaderProps {
  at: SegmentPlace;
  /** undefined while it loads: the frame is there at once. */
  segment: Segment | undefined;
}

/** The head of the pages of a segment: what it is, how it is doing, the ways back and out. */
export function SegmentHeader({ at, segment }: SegmentHeaderProps) {
  const link = linkThere(segment);
  const drifted = segment?._muster?.drifted === true && segment._muster.state !== 'live';
  return (
    <PageHeader
      title={segment?.name ?? at.segment}
      above={[<Link key="segments" to="/projects/$project/environments/$environment/segments" params={at}>Segments</Link>]}
      beside={segment && (
        <>
          <SegmentState segment={segment} />
          {drifted && <StatePill state="drifted" why={driftedWhy} />}
        </>
      )}
      facts={(
        <>
          {segment && <ToolMark name={sourceOf(segment)} />}
          <CopyText text={at.segment} what="key" />
          {segment?.unbounded && <span>Context kind <b>{segment.unboundedContextKind}</b></span>}
          {segment?.tags.map((tag) => <Tag key={tag}>{tag}</Tag>)}
        </>
      )}
      actions={segment?.unbounded && (
        <>
          <RollBack at={at} />
          {link !== undefined && (
            <Button variant="default" component="a" href={link} target="_blank" rel="noreferrer" leftSection={<IconExternalLink size={16} aria-hidden />}>
              Open in {toolOf(segment) ?? 'the tool'}
            </Button>
          )}
        </>
      )}
    />
  );
}

/** Leads to the dialog about the newest point there is to go back to. */
function RollBack({ at }: { at: SegmentPlace }) {
  const navigate = useNavigate();
  const { data: points } = useQuery(pointsQuery(at));
  const refused = useRefusal(at, 'rollbackSegment');
  const last = points?.items.find((point) => !point.current);
  const none = points && !last ? 'There is no earlier point yet: the first full sync or upload makes one. A delta is undone on its own page, under Syncs.' : undefined;
  return (
    <ActionButton
      variant="default" leftSection={<IconArrowBackUp size={16} aria-hidden />} refused={refused ?? none}
      onClick={() => {
        if (last) void navigate({ to: '/projects/$project/environments/$environment/segments/$segment/history', params: at, search: { from: last._id, rollback: last._id } });
      }}
    >
      Roll back…
    </ActionButton>
  );
}

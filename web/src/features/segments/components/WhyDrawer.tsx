import { Button, Drawer } from '@mantine/core';
import { IconCopy } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { ErrorState } from '@/components/ErrorState';
import { toolOf } from '@/features/segments/api/facts';
import { contextSegmentsQuery, timelineQuery, type Timeline } from '@/features/segments/api/members';
import { segmentQuery, usesQuery, type SegmentPlace } from '@/features/segments/api/segment';
import { CloseKeys } from '@/features/segments/components/CloseKeys';
import { MemberPast } from '@/features/segments/components/MemberPast';
import { ReadersSee } from '@/features/segments/components/ReadersSee';
import { VerdictNote } from '@/features/segments/components/VerdictNote';
import classes from '@/features/segments/components/WhyDrawer.module.css';
import { counted } from '@/lib/number';
import { useCopy } from '@/lib/useCopy';

interface WhyDrawerProps {
  at: SegmentPlace;
  /** The context that is asked about; undefined: the drawer is closed. */
  contextKey: string | undefined;
  onClose: () => void;
  /** Asks about another key instead. */
  onShow: (contextKey: string) => void;
}

/** Says why a context is in the segment or is not, and proves it. */
export function WhyDrawer({ at, contextKey, onClose, onShow }: WhyDrawerProps) {
  const { data: segment } = useQuery(segmentQuery(at));
  const { data: timeline, error, refetch } = useQuery({ ...timelineQuery(at, contextKey ?? ''), enabled: contextKey !== undefined });
  const kind = segment?.unboundedContextKind ?? 'user';
  const who = kind === 'user' ? 'person' : kind;
  const title = timeline === undefined ? 'Membership of' : timeline.included ? `Why is this ${who} in?` : `Why is this ${who} not in?`;
  return (
    <Drawer
      opened={contextKey !== undefined} onClose={onClose} position="right" size={480} closeButtonProps={{ 'aria-label': 'Close' }}
      title={<><span className={classes.question}>{title}</span><span className={classes.key}>{contextKey}</span></>}
    >
      {error && !timeline && <ErrorState title="Its past could not be loaded." error={error} onRetry={() => void refetch()} />}
      {timeline && contextKey !== undefined && (
        <Answer at={at} timeline={timeline} tool={toolOf(segment)} kind={kind} onShow={onShow} />
      )}
    </Drawer>
  );
}

interface AnswerProps {
  at: SegmentPlace;
  timeline: Timeline;
  tool: string | undefined;
  kind: string;
  onShow: (contextKey: string) => void;
}

function Answer({ at, timeline, tool, kind, onShow }: AnswerProps) {
  const { copied, copy } = useCopy();
  const { data: segments } = useQuery(contextSegmentsQuery(at, kind, timeline.key));
  const { data: uses } = useQuery(usesQuery(at));
  const flags = uses?.items.filter((use) => use.on) ?? [];
  return (
    <div className={classes.body}>
      <VerdictNote timeline={timeline} tool={tool} at={at} />
      {!timeline.included && timeline.near.length > 0 && <CloseKeys contextKey={timeline.key} near={timeline.near} tool={tool} onShow={onShow} />}
      <MemberPast timeline={timeline} at={at} />
      <ReadersSee at={at} included={timeline.included} />
      {flags.length > 0 && (
        <section>
          <h3>Flags that ask for this segment</h3>
          <ul>
            {flags.map((use) => (
              <li key={use.flagKey}>
                <Link to="/projects/$project/environments/$environment/flags/$flag" params={{ ...at, flag: use.flagKey }}>{use.flagKey}</Link>{' '}
                <span className={classes.faint}>{use.rules.map((rule) => `rule ${rule.ruleIndex + 1}${rule.negated ? ', not in' : ''}`).join(', ')}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <div className={classes.actions}>
        {segments && segments.totalCount > 0 && <span className={classes.faint}>In {counted(segments.totalCount, 'segment')} of this environment</span>}
        <Button variant="default" size="compact-md" leftSection={<IconCopy size={16} aria-hidden />} onClick={() => copy(window.location.href)}>{copied ? 'Copied' : 'Copy link'}</Button>
      </div>
    </div>
  );
}

import { ActionIcon, Menu } from '@mantine/core';
import { IconDots } from '@tabler/icons-react';
import type { ReactNode } from 'react';

import { ActionButton } from '@/components/ActionButton';
import type { Follower } from '@/features/destinations/api/followers';
import { useSinkRefusal } from '@/features/destinations/api/permission';
import type { Question } from '@/features/destinations/api/search';
import type { SinkPlace } from '@/features/destinations/api/sinks';
import { sinkOf, useSinkWork } from '@/features/destinations/api/useSinkWork';
import classes from '@/features/destinations/components/Destinations.module.css';
import { nameOf } from '@/features/destinations/components/destinationWords';
import type { Place } from '@/lib/place';

interface SinkActionsProps {
  place: Place;
  follower: Follower;
  onAsk: (question: Question) => void;
}

/** The one thing that fits how a store is doing, and a menu of the others. */
export function SinkActions({ place, follower, onAsk }: SinkActionsProps) {
  const at = sinkOf(place, follower);
  return at && <Actions at={at} follower={follower} onAsk={onAsk} />;
}

function Actions({ at, follower, onAsk }: { at: SinkPlace; follower: Follower; onAsk: SinkActionsProps['onAsk'] }) {
  const name = nameOf(follower);
  const work = useSinkWork(at, name);
  const noChange = useSinkRefusal(at, at.id, 'updateConfiguration');
  const noSwitch = useSinkRefusal(at, at.id, 'updateOn');
  const noDelete = useSinkRefusal(at, at.id, 'deleteIntegration');
  const away = follower.state === 'off' ? 'It is off. Turn it on first.' : follower.state === 'paused' ? 'It is paused. Resume it first.' : undefined;
  const fitting = {
    current: { word: 'Verify', does: work.verify, refused: noChange },
    behind: { word: 'Verify', does: work.verify, refused: noChange },
    walking: { word: 'Pause', does: work.pause, refused: noSwitch },
    failed: { word: 'Test', does: work.test, refused: noChange },
    paused: { word: 'Resume', does: work.resume, refused: noSwitch },
    off: { word: 'Turn on', does: work.turnOn, refused: noSwitch },
  }[follower.state];
  return (
    <div className={classes.actions}>
      <ActionButton variant="default" size="compact-md" refused={fitting.refused} loading={fitting.does.isPending} onClick={() => fitting.does.mutate()}>{fitting.word}</ActionButton>
      <Menu position="bottom-end" width={250} withinPortal={false}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size={30} aria-label={`Actions for ${name}`}><IconDots size={18} aria-hidden /></ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Item refused={noChange} onClick={() => onAsk('edit')}>Edit…</Item>
          <Item refused={noChange} onClick={() => work.test.mutate()}>Test connection</Item>
          <Item refused={noChange ?? away} onClick={() => work.verify.mutate()}>Verify</Item>
          <Item refused={noChange ?? away} onClick={() => work.resync.mutate()}>Resync</Item>
          <Item refused={noChange ?? away} onClick={() => onAsk('rebuild')}>Rebuild…</Item>
          {follower.state === 'paused'
            ? <Item refused={noSwitch} onClick={() => work.resume.mutate()}>Resume</Item>
            : <Item refused={noSwitch ?? (follower.state === 'off' ? away : undefined)} onClick={() => work.pause.mutate()}>Pause</Item>}
          <Menu.Divider />
          <Item refused={noDelete} onClick={() => onAsk('remove')}>Remove…</Item>
        </Menu.Dropdown>
      </Menu>
    </div>
  );
}

/** An entry that stays where it is when it cannot be done, and says why. */
function Item({ refused, onClick, children }: { refused: string | undefined; onClick: () => void; children: ReactNode }) {
  if (refused === undefined) return <Menu.Item onClick={onClick}>{children}</Menu.Item>;
  return (
    <Menu.Item aria-disabled data-disabled closeMenuOnClick={false}>
      {children}
      <span className={classes.refused}>{refused}</span>
    </Menu.Item>
  );
}

import { IconArrowBackUp } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import { ActionButton } from '@/components/ActionButton';
import { Panel } from '@/components/Panel';
import { useRefusal } from '@/features/segments/api/permission';
import type { Run } from '@/features/segments/api/runs';
import type { SegmentPlace } from '@/features/segments/api/segment';
import classes from '@/features/segments/components/DecidePanel.module.css';
import { UndoDialog } from '@/features/segments/components/UndoDialog';
import { sentence } from '@/lib/sentence';

/** Takes back what a sync changed, or says by which sync that was done, or why it can't be. */
export function UndoPanel({ at, run }: { at: SegmentPlace; run: Run }) {
  const [asking, ask] = useState(false);
  const mayNot = useRefusal(at, 'rollbackSegment');
  const mayNotSee = useRefusal(at, 'viewMembers');
  const live = run.state === 'live' && run.added + run.removed > 0;
  if (!live && !run.undone && !run.undoes) return null;
  const lasting = run.undoRefused && sentence(run.undoRefused);
  return (
    <Panel title="Undo">
      <div className={classes.body}>
        {run.undoes && <p>This sync undid <Sync at={at} run={run.undoes}>another sync</Sync>.</p>}
        {run.undone && <p>Undone by <Sync at={at} run={run.undone}>a later sync</Sync>.</p>}
        {live && (
          <div>
            <ActionButton
              variant="default" fullWidth leftSection={<IconArrowBackUp size={16} aria-hidden />}
              refused={lasting || mayNot || mayNotSee} onClick={() => ask(true)}
            >
              Undo this sync…
            </ActionButton>
            <p className={classes.hint}>{lasting || 'Gives each member that it changed the state from before, unless somebody changed it again since. You see the figures first.'}</p>
          </div>
        )}
      </div>
      <UndoDialog at={at} run={run} opened={asking} onClose={() => ask(false)} />
    </Panel>
  );
}

function Sync({ at, run, children }: { at: SegmentPlace; run: string; children: string }) {
  return <Link to="/projects/$project/environments/$environment/segments/$segment/syncs/$run" params={{ ...at, run }}>{children}</Link>;
}

import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import { StatePill } from '@/components/StatePill';
import type { Move } from '@/features/segments/api/segment';
import { leftOutWords, moveStages, moveWords } from '@/features/segments/components/moveWords';
import classes from '@/features/segments/components/Syncs.module.css';
import { sentence } from '@/lib/sentence';
import { exactTime } from '@/lib/time';

/** How far a segment is on its way to its next generation, and what its readers see meanwhile. */
export function MoveUnderWay({ move }: { move: Move }) {
  const now = moveStages.findIndex((stage) => stage.state === move.state);
  const leftOut = leftOutWords(move.leftOut);
  return (
    <div className={classes.live}>
      <Panel title={`Moving to generation ${move.to}`} actions={<StatePill state="syncing" word="Moving" />}>
        <div className={classes.run}>
          <ol className={classes.stages} aria-label="Stages of the move">
            {moveStages.map(({ state, name, what }, i) => (
              <li key={state} aria-current={i === now ? 'step' : undefined} data-done={i < now || undefined}><b>{name}</b>{what}</li>
            ))}
          </ol>
          <p role="status">{moveWords(move)}</p>
          {leftOut !== undefined && <Note tone="warn">{sentence(leftOut)}</Note>}
          <p className={classes.text}>
            {leftOut === undefined ? 'Readers see the same members throughout.' : 'All other readers see the same members throughout.'}{' '}
            {move.reason === 'request' ? `Somebody asked for it at ${exactTime(move.begunAt)}.` : `It began by itself at ${exactTime(move.begunAt)}, because more contexts that left were remembered than members.`}{' '}
            You can leave this page; the move goes on, after a restart too.
          </p>
        </div>
      </Panel>
    </div>
  );
}

import { Note } from '@/components/Note';
import { toolOf } from '@/features/segments/api/facts';
import type { Segment } from '@/features/segments/api/segments';
import classes from '@/features/segments/components/Members.module.css';

/** Says who decides who is in, where that is not the person who looks. */
export function MembersNote({ segment }: { segment: Segment }) {
  const tool = toolOf(segment);
  if (!segment.unbounded) {
    return (
      <div className={classes.note}>
        <Note tone="info"><b>This segment lists its targets and rules in its definition.</b> Who is in by a rule is decided when a flag is evaluated, so it is not listed.</Note>
      </div>
    );
  }
  if (tool === undefined) return null;
  return (
    <div className={classes.note}>
      <Note tone="info"><b>{tool} decides who is in.</b> Change the audience there and it follows here.</Note>
    </div>
  );
}

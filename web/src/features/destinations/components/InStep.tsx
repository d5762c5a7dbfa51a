import { Panel } from '@/components/Panel';
import classes from '@/features/destinations/components/Destinations.module.css';

/** What keeps stores current, and what can be done about it. */
export function InStep() {
  return (
    <Panel title="How it stays in step">
      <p className={`${classes.text} ${classes.quiet}`}>
        <span>
          Every destination follows the same log and resumes where it stopped. <b>Verify</b> compares a sample without changing anything, <b>Resync</b> compares everybody and puts right
          what differs, <b>Rebuild</b> fills an empty or doubtful store from the start while readers keep using it.
        </span>
      </p>
    </Panel>
  );
}

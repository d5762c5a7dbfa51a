import { Panel } from '@/components/Panel';
import type { Run } from '@/features/segments/api/runs';
import { segmentPath, type SegmentPlace } from '@/features/segments/api/segment';
import classes from '@/features/segments/components/SkippedRows.module.css';
import { digits } from '@/lib/number';

/** Which contexts of a sync were left out and why: up to 20, and the whole list of an upload. */
export function SkippedRows({ at, run }: { at: SegmentPlace; run: Run }) {
  const sample = run.skippedSample ?? [];
  if (run.skipped === 0) return null;
  const all = `${segmentPath(at)}/runs/${encodeURIComponent(run._id)}/rejects`;
  return (
    <div id="skipped">
      <Panel title="Skipped" flush actions={run.kind === 'import' && <a href={all} download>Download all {digits(run.skipped)}</a>}>
        <table className={classes.table} aria-label="Skipped">
          <thead><tr><th scope="col">Row</th><th scope="col">Reason</th></tr></thead>
          <tbody>{sample.map((skip) => <tr key={skip.row}><td>{digits(skip.row)}</td><td>{skip.reason}</td></tr>)}</tbody>
        </table>
        {run.skipped > sample.length && <p className={classes.more}>{digits(sample.length)} of {digits(run.skipped)}</p>}
      </Panel>
    </div>
  );
}

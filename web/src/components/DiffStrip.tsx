import classes from '@/components/DiffStrip.module.css';
import { shares } from '@/components/diffShares';
import { digits, percent, signed } from '@/lib/number';

interface DiffStripProps {
  /** undefined where that is not known: then there are only the two changes. */
  now: number | undefined;
  leave: number;
  join: number;
  /** How many percent may leave before the guard holds a sync; undefined where that is no matter. */
  limit?: number;
  /** Up to 20 keys each; undefined: this person may not see members. */
  samples?: { leave: readonly string[]; join: readonly string[] };
  /** What the four are called where it is not a change to come. */
  labels?: Partial<DiffLabels>;
}

interface DiffLabels {
  now: string;
  leave: string;
  join: string;
  after: string;
}

const toCome: DiffLabels = { now: 'Now', leave: 'Will leave', join: 'Will join', after: 'After' };

/** What a change does to a segment: who is in now, who leaves, who joins, who is in after. */
export function DiffStrip({ now, leave, join, limit, samples, labels }: DiffStripProps) {
  const words = { ...toCome, ...labels };
  return (
    <div className={classes.diff}>
      <dl className={classes.strip}>
        {now !== undefined && <Figure label={words.now}>{digits(now)}</Figure>}
        <Figure label={words.leave} tone={leave > 0 ? 'remove' : 'none'} under={[shareOf(leave, now), limit !== undefined && `limit ${percent(limit)}`].filter(Boolean).join(', ')}>{signed(-leave)}</Figure>
        <Figure label={words.join} tone={join > 0 ? 'add' : 'none'} under={shareOf(join, now)}>{signed(join)}</Figure>
        {now !== undefined && <Figure label={words.after}>{digits(now - leave + join)}</Figure>}
      </dl>
      {now !== undefined && <Bar now={now} leave={leave} join={join} words={words} />}
      {samples && (
        <div className={classes.samples}>
          <Sample title={words.leave} mark="−" keys={samples.leave} total={leave} />
          <Sample title={words.join} mark="+" keys={samples.join} total={join} />
        </div>
      )}
    </div>
  );
}

/** Who stays, leaves and joins, to scale. */
function Bar({ now, leave, join, words }: { now: number; leave: number; join: number; words: DiffLabels }) {
  const parts = shares(now - leave, leave, join);
  return (
    <>
      <div className={classes.bar} aria-hidden>
        <span className={classes.stay} style={{ flexGrow: parts.stay }} />
        <span className={classes.leave} style={{ flexGrow: parts.leave }} />
        <span className={classes.join} style={{ flexGrow: parts.join }} />
      </div>
      <p className={classes.legend}>
        <span className={classes.stay}>{digits(now - leave)} stay</span>
        {leave > 0 && <span className={classes.leave}>{digits(leave)} {words.leave.toLowerCase()}</span>}
        {join > 0 && <span className={classes.join}>{digits(join)} {words.join.toLowerCase()}</span>}
        {parts.enlarged && <em>Parts under {percent(1)} are drawn as {percent(1)}.</em>}
      </p>
    </>
  );
}

/** How much of the members that is, where it is something. */
function shareOf(part: number, now = 0): string {
  return part > 0 && now > 0 ? percent((100 * part) / now) : '';
}

function Figure({ label, tone, under, children }: { label: string; tone?: 'add' | 'remove' | 'none'; under?: string; children: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd data-tone={tone}>{children}{under && <> <span>{under}</span></>}</dd>
    </div>
  );
}

function Sample({ title, mark, keys, total }: { title: string; mark: string; keys: readonly string[]; total: number }) {
  return (
    <section className={classes.sample} aria-label={title}>
      <h3>{title}{keys.length > 0 && total > keys.length && ` · ${digits(keys.length)} of ${digits(total)}`}</h3>
      {keys.length === 0 ? <p className={classes.hint}>{total === 0 ? 'Nobody' : 'Not known any more: muster keeps the keys of members, not of all who ever were.'}</p> : (
        <ul tabIndex={0}>{keys.map((key) => <li key={key} title={key}><span data-mark={mark} aria-hidden>{mark}</span> {key}</li>)}</ul>
      )}
    </section>
  );
}

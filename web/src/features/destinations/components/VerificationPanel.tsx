import { Freshness } from '@/components/Freshness';
import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import type { Verification } from '@/features/destinations/api/sinks';
import classes from '@/features/destinations/components/Destinations.module.css';
import { differencesOf } from '@/features/destinations/components/destinationWords';
import { counted, digits } from '@/lib/number';
import { sentence } from '@/lib/sentence';

/** What came of the newest comparison of a store with the truth. */
export function VerificationPanel({ verification }: { verification: Verification | undefined }) {
  return (
    <Panel title="Verification">
      <div className={classes.text}>
        {verification
          ? <Result of={verification} />
          : <p className={classes.quiet}>It was not compared with the members here since the server started. Verify compares a sample of about 2,000 contexts and changes nothing.</p>}
      </div>
    </Panel>
  );
}

function Result({ of }: { of: Verification }) {
  const what = of.full ? 'Everybody' : 'A sample';
  if (!of.ended) return <Note tone="info" role="status">{what} is being compared: {counted(of.checked, 'context')} looked at.</Note>;
  const found = differencesOf(of);
  return (
    <>
      {of.error && <Note tone="bad"><b>It ended early.</b> {sentence(of.error)}</Note>}
      {!of.error && found === 0 && <Note tone="ok" role="status"><b>No differences.</b> {what} was compared: {counted(of.checked, 'context')}.</Note>}
      {found > 0 && (
        <Note tone={of.repair ? 'ok' : 'warn'} role="status">
          <b>{counted(found, 'difference')}{of.repair ? ', put right.' : '.'}</b>{' '}
          {digits(of.missing)} missing in the store, {digits(of.extra)} there that should not be, {counted(of.foreign, 'text')} that mean nothing. {what} was compared: {counted(of.checked, 'context')}.
        </Note>
      )}
      {of.samples.length > 0 && (
        <section aria-label="Samples">
          <h3 className={classes.samples}>{of.samples.length < found ? `${digits(of.samples.length)} of ${digits(found)}` : 'All of them'}</h3>
          <ul className={classes.samples}>
            {of.samples.map((one) => <li key={`${one.ref} ${one.hash} ${one.set}`}>{one.what === 'missing' ? 'Missing' : 'Too much'}: <code>{one.ref}</code> of <code>{one.hash}</code></li>)}
          </ul>
          <p className={classes.quiet}>Contexts are named by the SHA-256 of their key, as the store names them.</p>
        </section>
      )}
      <p className={classes.quiet}>Ended <Freshness at={of.ended} /> ago.{found > 0 && !of.repair && ' Resync compares everybody and puts right what differs.'}</p>
    </>
  );
}

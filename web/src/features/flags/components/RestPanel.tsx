import type { FlagPlace } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import type { Serve } from '@/features/flags/api/targeting';
import { ServeChoice } from '@/features/flags/components/ServeChoice';
import classes from '@/features/flags/components/Targeting.module.css';

interface RestPanelProps {
  at: FlagPlace;
  flag: Flag;
  serve: Serve;
  refused: string | undefined;
  onChange: (serve: Serve) => void;
}

/** What everybody gets who is no target and whom no rule matches. */
export function RestPanel({ at, flag, serve, refused, onChange }: RestPanelProps) {
  return (
    <section className={classes.box} aria-label="Everyone else">
      <div className={classes.line}>
        <h2>Everyone else</h2>
        <ServeChoice at={at} flag={flag} label="Everyone else" serve={serve} disabled={refused !== undefined} onChange={onChange} />
      </div>
      {refused && <p className={classes.refused}>{refused}</p>}
    </section>
  );
}

import { StatePill } from '@/components/StatePill';
import type { Webhook } from '@/features/settings/api/webhooks';
import classes from '@/features/settings/components/Settings.module.css';
import { sentence } from '@/lib/sentence';
import { exactTime } from '@/lib/time';

/** Whether a webhook is told of changes, and whether it takes them. */
export function WebhookState({ webhook }: { webhook: Webhook }) {
  const { failing, problem, on } = webhook;
  if (problem !== undefined) return <StatePill state="failed" why={problem} />;
  if (!on) return <StatePill state="off" />;
  if (failing === undefined) return <StatePill state="live" word="On" />;
  return (
    <>
      <StatePill
        state="failed" word={`Failing, ${failing.status ?? 'no answer'}`}
        why={`It took nothing since ${exactTime(failing.since)}. ${sentence(failing.error)}`}
      />
      <div className={classes.since}>since {exactTime(failing.since)}</div>
    </>
  );
}

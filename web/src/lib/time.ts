// Times are Unix milliseconds everywhere; here they become text, in the browser's zone.

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short' });
const dayClock = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short',
});

/** "12:04:31 CET" today, "3 Nov 2026, 12:04:31 CET" else. */
export function exactTime(at: number, now = Date.now()): string {
  return sameDay(at, now) ? clock.format(at) : dayClock.format(at);
}

const wholeClock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZoneName: 'short' });
const wholeDayClock = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZoneName: 'short' });

/** What begins with a minute, as hours and days do: "12:00 CET" today, "3 Nov 2026, 12:00 CET" else. */
export function wholeTime(at: number, now = Date.now()): string {
  return sameDay(at, now) ? wholeClock.format(at) : wholeDayClock.format(at);
}

const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const dayAndYear = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

/** "12 Nov" this year, "12 Nov 2025" else; the exact time belongs beside it. */
export function dayOf(at: number, now = Date.now()): string {
  return (new Date(at).getFullYear() === new Date(now).getFullYear() ? day : dayAndYear).format(at);
}

function sameDay(a: number, b: number): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

const units = [
  { ms: 86_400_000, short: 'd', long: 'day' },
  { ms: 3_600_000, short: 'h', long: 'hour' },
  { ms: 60_000, short: 'min', long: 'minute' },
  { ms: 1000, short: 's', long: 'second' },
] as const;

/** How long, in its largest unit and rounded down: "38 s", "6 min", "9 h", "19 d". */
export function shortDuration(ms: number): string {
  const { amount, unit } = largest(ms);
  return `${amount} ${unit.short}`;
}

/** "38 seconds", "1 minute". */
export function longDuration(ms: number): string {
  const { amount, unit } = largest(ms);
  return `${amount} ${unit.long}${amount === 1 ? '' : 's'}`;
}

function largest(ms: number) {
  const unit = units.find((one) => ms >= one.ms) ?? units[3];
  return { amount: Math.max(0, Math.floor(ms / unit.ms)), unit };
}


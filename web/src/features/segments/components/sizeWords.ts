import type { Range, Sizes } from '@/features/segments/api/segment';
import { counted, digits } from '@/lib/number';
import { dayOf } from '@/lib/time';

export const bucketWords: Record<Range, string> = { '24h': '15 min', '7d': '6 h', '30d': 'day' };
const rangeWords: Record<string, string> = { 900000: '24 hours', 21600000: '7 days', 86400000: '30 days' };

/**
 * The five ticks of the axis of members: from 0, unless the range is small beside the sizes, when it
 * would be a flat line.
 */
export function ticksOf(members: readonly (number | null)[]): number[] {
  const known = members.filter((one) => one !== null);
  const most = Math.max(0, ...known);
  const least = known.length === 0 ? 0 : Math.min(...known);
  const flat = most > least && most - least < most / 5;
  const step = flat ? roundStep((most - least) / 3) : roundStep(most / 4);
  const from = flat ? Math.floor(least / step) * step : 0;
  return [0, 1, 2, 3, 4].map((i) => from + i * step);
}

/** The ticks of the axis of changes: as much below 0 as above, if anybody left. */
export function changeTicksOf(items: readonly { added: number; removed: number }[]): number[] {
  const step = roundStep(Math.max(1, ...items.map((item) => Math.max(item.added, item.removed))));
  return items.some((item) => item.removed > 0) ? [-step, 0, step] : [0, step];
}

/** Where the axis of time has ticks: at the first bucket of each day, or of each third hour. */
export function timeTicksOf(items: readonly { at: number }[], range: Range): number[] {
  const unit = (at: number) => (range === '24h' ? Math.floor(new Date(at).getHours() / 3) : new Date(at).toDateString());
  // Of the unit that the range begins in the middle of there is no first bucket.
  return items.filter((item, i) => i > 0 && unit(item.at) !== unit(items[i - 1]?.at ?? item.at)).map((item) => item.at);
}

const hour = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** A tick of the axis of time: "12:00", "22 Nov", "Today". */
export function timeWord(at: number, range: Range, now = Date.now()): string {
  if (range === '24h') return hour.format(at);
  return new Date(at).toDateString() === new Date(now).toDateString() ? 'Today' : dayOf(at, now);
}

/** The next number from there on that people like between ticks; members are whole. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  const factor = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((one) => one * power >= least) ?? 10;
  return Math.ceil(factor * power);
}

/** What the chart shows, for who does not see it. */
export function sizeSentence(sizes: Sizes): string {
  const known = sizes.items.map((item) => item.members).filter((one) => one !== null);
  const span = rangeWords[String(sizes.bucketMs)] ?? 'this time';
  const first = known[0];
  const held = sizes.marks.filter((mark) => mark.kind === 'held').length;
  const marks = held > 0 ? ` ${counted(held, 'sync was', 'syncs were')} held.` : '';
  if (first === undefined) return `How many members there were is not known for ${span}.${marks}`;
  return `Members went from ${digits(first)} to ${digits(sizes.members)} in ${span}.${marks}`;
}

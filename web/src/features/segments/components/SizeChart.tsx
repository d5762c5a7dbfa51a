import { Area, Bar, CartesianGrid, ComposedChart, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';

import { ChartRoom, ChartTip } from '@/components/ChartFigure';
import type { Range, Sizes } from '@/features/segments/api/segment';
import { changeTicksOf, ticksOf, timeTicksOf, timeWord } from '@/features/segments/components/sizeWords';
import { digits, shortNumber, signed } from '@/lib/number';
import { exactTime } from '@/lib/time';

const tick = { fill: 'var(--m-text3)', fontSize: 11 };
const sync = 'size-and-syncs';
const margin = { right: 32, bottom: 0, left: 0 };

/** Members as steps and, on the same axis of time, what was added and removed as bars up and down. */
export default function SizeChart({ sizes, range }: { sizes: Sizes | undefined; range: Range }) {
  if (!sizes) return <ChartRoom />;
  const items = sizes.items.map((item) => ({ ...item, left: -item.removed }));
  const ticks = ticksOf(sizes.items.map((item) => item.members));
  const fromZero = ticks[0] === 0;
  const changeTicks = changeTicksOf(sizes.items);
  const bucketOf = (at: number) => sizes.items.findLast((item) => item.at <= at)?.at;
  const marks = sizes.marks.map((mark) => ({ ...mark, bucket: bucketOf(mark.at) })).filter((mark) => mark.bucket !== undefined);
  return (
    <>
      <ResponsiveContainer width="100%" height={200}>
        <ComposedChart data={items} syncId={sync} margin={{ ...margin, top: 22 }} accessibilityLayer>
          <CartesianGrid vertical={false} stroke="var(--m-line)" />
          <XAxis dataKey="at" hide />
          <YAxis domain={[ticks[0] ?? 0, ticks.at(-1) ?? 1]} ticks={ticks} tickFormatter={shortNumber} tick={tick} axisLine={false} tickLine={false} width={56} />
          <Tooltip content={<BucketTooltip />} cursor={{ stroke: 'var(--m-line2)' }} isAnimationActive={false} />
          <Area
            dataKey="members" type="stepAfter" stroke="var(--m-accent)" strokeWidth={2} fill={fromZero ? 'var(--m-tint)' : 'none'} fillOpacity={0.6}
            isAnimationActive={false} dot={items.filter((item) => item.members !== null).length === 1}
          />
          {marks.map((mark) => (
            <ReferenceLine
              key={mark.runId} x={mark.bucket} stroke={mark.kind === 'held' ? 'var(--m-warn)' : 'var(--m-accent)'} strokeDasharray="4 3"
              label={<MarkLabel held={mark.kind === 'held'} />}
            />
          ))}
        </ComposedChart>
      </ResponsiveContainer>
      <ResponsiveContainer width="100%" height={80}>
        <ComposedChart data={items} syncId={sync} margin={{ ...margin, top: 4 }} stackOffset="sign">
          <XAxis dataKey="at" ticks={timeTicksOf(sizes.items, range)} tickFormatter={(at: number) => timeWord(at, range)} tick={tick} axisLine={false} tickLine={false} interval="equidistantPreserveStart" minTickGap={12} />
          <YAxis domain={[changeTicks[0] ?? 0, changeTicks.at(-1) ?? 1]} ticks={changeTicks} tickFormatter={(change: number) => (change > 0 ? `+${shortNumber(change)}` : shortNumber(change))} tick={tick} axisLine={false} tickLine={false} width={56} />
          <ReferenceLine y={0} stroke="var(--m-line2)" />
          <Tooltip content={() => null} cursor={{ fill: 'var(--m-sunken)' }} isAnimationActive={false} />
          <Bar dataKey="added" stackId="changes" fill="var(--m-add)" isAnimationActive={false} maxBarSize={14} />
          <Bar dataKey="left" stackId="changes" fill="var(--m-remove)" isAnimationActive={false} maxBarSize={14} />
        </ComposedChart>
      </ResponsiveContainer>
    </>
  );
}

/** What happened at a mark, over its line. */
function MarkLabel({ held, viewBox: { x = 0, y = 0 } = {} }: { held: boolean; viewBox?: { x?: number; y?: number } }) {
  const width = held ? 38 : 62;
  return (
    <g>
      <rect x={x - width / 2} y={y - 20} width={width} height={18} rx={9} fill={held ? 'var(--m-warn-bg)' : 'var(--m-tint)'} />
      <text x={x} y={y - 7} textAnchor="middle" fontSize={11} fontWeight={600} fill={held ? 'var(--m-warn)' : 'var(--m-accent)'}>{held ? 'Held' : 'Rollback'}</text>
    </g>
  );
}

interface BucketTooltipProps {
  active?: boolean;
  payload?: readonly { payload?: Sizes['items'][number] }[];
}

function BucketTooltip({ active, payload }: BucketTooltipProps) {
  const item = payload?.[0]?.payload;
  if (!active || !item) return null;
  return (
    <ChartTip title={exactTime(item.at)}>
      <div>{item.members === null ? 'Members not known' : `${digits(item.members)} members`}</div>
      <div>{signed(item.added)} {signed(-item.removed)}</div>
    </ChartTip>
  );
}

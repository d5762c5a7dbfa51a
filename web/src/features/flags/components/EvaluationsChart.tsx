import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';

import { ChartTip } from '@/components/ChartFigure';
import type { Bucket, EvaluationRange } from '@/features/flags/api/buckets';
import { shareOf, type Part } from '@/features/flags/components/seriesLooks';
import { counted, digits, shortNumber } from '@/lib/number';
import { wholeTime } from '@/lib/time';

const hour = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const tick = { fill: 'var(--m-text3)', fontSize: 11 };
const hatch = (key: string) => `evaluations-${key}`;

interface EvaluationsChartProps {
  buckets: Bucket[];
  parts: Part[];
  range: EvaluationRange;
}

/** How often each variation was served, as bars that stand on each other. */
export default function EvaluationsChart({ buckets, parts, range }: EvaluationsChartProps) {
  const time = (at: number) => (range === '7d' ? day : hour).format(at);
  return (
    <ResponsiveContainer width="100%" height={280}>
      <BarChart data={buckets} margin={{ top: 8, right: 8, bottom: 0, left: 0 }} accessibilityLayer>
        <defs>
          {parts.filter((part) => part.hatched).map((part) => (
            <pattern key={part.key} id={hatch(part.key)} width={5} height={5} patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
              <rect width={5} height={5} fill="var(--m-surface)" />
              <rect width={2} height={5} fill={part.fill} />
            </pattern>
          ))}
        </defs>
        <CartesianGrid vertical={false} stroke="var(--m-line)" />
        <XAxis dataKey="at" tickFormatter={time} tick={tick} axisLine={{ stroke: 'var(--m-line2)' }} tickLine={false} minTickGap={40} />
        <YAxis tickFormatter={shortNumber} allowDecimals={false} tick={tick} axisLine={false} tickLine={false} width={52} />
        <Tooltip content={<BucketTip parts={parts} />} cursor={{ fill: 'var(--m-sunken)' }} isAnimationActive={false} />
        {parts.map((part) => (
          <Bar
            key={part.key} dataKey={(bucket: Bucket) => bucket.counts[part.key] ?? 0} name={part.name} stackId="served" isAnimationActive={false} maxBarSize={36}
            fill={part.hatched ? `url(#${hatch(part.key)})` : part.fill} stroke={part.hatched ? part.fill : 'var(--m-surface)'} strokeWidth={1}
          />
        ))}
      </BarChart>
    </ResponsiveContainer>
  );
}

interface BucketTipProps {
  parts: Part[];
  active?: boolean;
  payload?: readonly { payload?: Bucket }[];
}

function BucketTip({ parts, active, payload }: BucketTipProps) {
  const bucket = payload?.[0]?.payload;
  if (!active || !bucket) return null;
  return (
    <ChartTip title={`From ${wholeTime(bucket.at)}`}>
      <div>{counted(bucket.total, 'evaluation')}</div>
      {parts.map((part) => {
        const served = bucket.counts[part.key] ?? 0;
        return served > 0 && <div key={part.key}>{part.name}: {digits(served)} ({shareOf(served, bucket.total)})</div>;
      })}
    </ChartTip>
  );
}

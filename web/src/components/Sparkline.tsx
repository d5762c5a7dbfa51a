import { useId } from 'react';

import classes from '@/components/Sparkline.module.css';

const width = 84;
const height = 22;

interface SparklineProps {
  /** The newest last; at least two. */
  values: readonly number[];
  /** How many values fill the width; fewer end at its right. */
  steps: number;
  /** What it shows, in words and with the figures that matter. */
  words: string;
  tone?: 'accent' | 'ok' | 'bad' | 'idle';
  /** The newest value still grows: the way to it is dashed. */
  open?: boolean;
}

/** A small line on a scale of its own, which begins at zero; the value that it leads to stands beside it. */
export function Sparkline({ values, steps, words, tone = 'accent', open = false }: SparklineProps) {
  const title = useId();
  const most = Math.max(...values, 1);
  const step = width / (steps - 1);
  const points = values.map((value, i) => `${(width - (values.length - 1 - i) * step).toFixed(1)},${(height - 2 - (value / most) * (height - 4)).toFixed(1)}`);
  return (
    <svg className={classes.spark} width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-labelledby={title} data-tone={tone}>
      <title id={title}>{words}</title>
      <polyline points={(open ? points.slice(0, -1) : points).join(' ')} />
      {open && <polyline className={classes.open} points={points.slice(-2).join(' ')} />}
    </svg>
  );
}

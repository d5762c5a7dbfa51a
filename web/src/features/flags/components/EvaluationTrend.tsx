import { Sparkline } from '@/components/Sparkline';
import { trendWords } from '@/features/flags/components/flagWords';

/** How often a flag was evaluated in each of the last hours, the present one last. */
export function EvaluationTrend({ hours }: { hours: readonly number[] }) {
  const ever = hours.some((n) => n > 0);
  return <Sparkline values={hours} steps={hours.length} words={trendWords(hours)} tone={ever ? 'accent' : 'idle'} open={ever} />;
}

import { Sparkline } from '@/components/Sparkline';
import { secondsWords } from '@/features/destinations/components/destinationWords';

/** The largest lag of each of the last minutes, two at least. */
export function LagSpark({ lags, warn }: { lags: readonly number[]; warn: boolean }) {
  return (
    <Sparkline
      values={lags} steps={60} tone={warn ? 'bad' : 'ok'}
      words={`Largest lag of the last ${lags.length} minutes: ${secondsWords(Math.max(...lags))}`}
    />
  );
}

import { useQueryClient } from '@tanstack/react-query';

import { holdRun, runQuery, type Run } from '@/features/segments/api/runs';
import { ofSegment, type SegmentPlace } from '@/features/segments/api/segment';
import { inEnvironment } from '@/lib/api/environment';
import { failureSentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

/** Shows everywhere what became of a sync that somebody decided about. */
export function useDecided(at: SegmentPlace) {
  const client = useQueryClient();
  return (now: Run) => {
    client.setQueryData(runQuery(at, now._id).queryKey, now);
    void client.invalidateQueries({ queryKey: ofSegment(at) });
    // What counts held syncs shows the decision with the page that made it, not when the news of it come round.
    for (const what of ['runs', 'segments', 'summary']) void client.invalidateQueries({ queryKey: inEnvironment(at, what) });
  };
}

/** Takes the discard of a sync back, and says so. */
export function useHoldAgain(at: SegmentPlace, runId: string) {
  const client = useQueryClient();
  const decided = useDecided(at);
  return async () => {
    try {
      decided(await holdRun(at, runId));
      toast('Held again. Nothing has changed.');
    } catch (failure) {
      toast(`The sync stays discarded. ${failureSentence(failure)}`);
      void client.invalidateQueries({ queryKey: ofSegment(at) });
    }
  };
}

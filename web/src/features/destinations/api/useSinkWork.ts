import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { followersQuery, type Follower } from '@/features/destinations/api/followers';
import { changeSink, pauseSink, sinkQuery, trySink, verifySink, type SinkKind, type SinkPlace } from '@/features/destinations/api/sinks';
import { inEnvironment } from '@/lib/api/environment';
import type { Place } from '@/lib/place';
import { failureSentence, sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

/** Where the store of a follower is set up; undefined if it is none. */
export function sinkOf(place: Place, follower: Follower): SinkPlace | undefined {
  if (follower.integrationId === undefined) return undefined;
  return { ...place, id: follower.integrationId, kind: follower.version as SinkKind };
}

/** What can be done with a store at once, without a question. Each says in a toast what it did. */
export function useSinkWork(at: SinkPlace, name: string) {
  const client = useQueryClient();
  const { data: sink } = useQuery({ ...sinkQuery(at), enabled: false });
  const work = <Answer>(does: () => Promise<Answer>, says: (answer: Answer) => string) => ({
    mutationFn: does,
    onSuccess: (answer: Answer) => {
      toast(says(answer));
      void client.invalidateQueries({ queryKey: followersQuery(at).queryKey });
      void client.invalidateQueries({ queryKey: inEnvironment(at, 'sink', at.id) });
    },
    onError: (error: Error) => {
      toast(`Nothing was changed. ${failureSentence(error)}`);
    },
  });
  return {
    verify: useMutation(work(() => verifySink(at, false), () => `Comparing a sample of ${name} with the members here. Its page shows the result.`)),
    resync: useMutation(work(() => verifySink(at, true), () => `Comparing everybody in ${name} with the members here. What differs is put right.`)),
    pause: useMutation(work(() => pauseSink(at, true), () => `Paused ${name}. SDKs that read it call it stale after two minutes.`)),
    resume: useMutation(work(() => pauseSink(at, false), () => `Resumed ${name}. It goes on where it stopped.`)),
    turnOn: useMutation(work(async () => changeSink(at, (sink ?? await client.query(sinkQuery(at))).version, { on: true }), () => `Turned ${name} on. It is being filled.`)),
    test: useMutation(work(() => trySink(at), (tried) => (tried.works ? [`${name} works.`, ...tried.notes.map(sentence)].join(' ') : `${name} does not work. ${sentence(tried.error ?? '')}`))),
  };
}

import { liveNames, type LiveEvent, type LiveEvents, type LiveState } from '@/lib/live/events';
import { Leadership, type Message } from '@/lib/live/leader';
import { positions } from '@/lib/live/position';
import type { Place } from '@/lib/place';

/** What a tab hears from the one that holds the connection. */
type News = { event: LiveEvent } | { state: LiveState; begins?: number } | { gap: true };

interface Listener {
  event: (event: LiveEvent) => void;
  state: (state: LiveState) => void;
  /** Something may have been missed: what is shown has to be asked again. */
  gap: () => void;
  /** Nothing was missed, but of who follows: answers do not count that. */
  near: () => void;
}

const reconnectAfter = 2000;

/**
 * Follows what goes on in an environment, over one connection for all tabs. What went on before this tab
 * heard of an open connection counts as missed, unless the connection says that all answers are of after that. Returns how to stop.
 */
export function follow(place: Place, listener: Listener): () => void {
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let lastId = 0;
  let interrupted = false;
  let heard = false;
  let state: LiveState = 'connecting';
  // Where the connection began, as long as it has told nothing: a tab that is opened then has missed nothing of it.
  let begins: number | undefined;
  const channel = new BroadcastChannel(`muster-live/${place.project}/${place.environment}`);

  const take = (news: News) => {
    if ('event' in news) listener.event(news.event);
    else if ('gap' in news) miss();
    else {
      listener.state(news.state);
      if (news.state === 'connected' && !heard) {
        heard = true;
        if (news.begins !== undefined && positions.knownAt(news.begins, miss)) listener.near();
        else miss();
      }
    }
  };
  const miss = () => {
    // Before that nothing was heard at all: the first connection makes up for it.
    if (heard) listener.gap();
  };
  const leadership = new Leadership(crypto.getRandomValues(new Uint32Array(2)).join('-'), {
    post: (message) => channel.postMessage(message),
    listen: (hear) => channel.addEventListener('message', (event: MessageEvent<Message>) => hear(event.data)),
    close: () => channel.close(),
  }, {
    lead: () => connect(),
    follow: () => disconnect(),
    // A tab that has just been opened knows nothing of the connection.
    asked: () => leadership.tell({ state, begins } satisfies News),
    news: (news) => {
      // Should this tab lead one day, something will have happened between the two connections.
      interrupted = true;
      take(news as News);
    },
  });
  const say = (news: News) => {
    if ('state' in news) state = news.state;
    take(news);
    leadership.tell(news);
  };

  function connect() {
    const at = `/api/v2/projects/${encodeURIComponent(place.project)}/environments/${encodeURIComponent(place.environment)}/activity`;
    source = new EventSource(at);
    lastId = 0;
    source.addEventListener('position', ({ data, lastEventId }: MessageEvent<string>) => {
      lastId = Number(lastEventId);
      if (interrupted) say({ gap: true });
      interrupted = false;
      begins = (JSON.parse(data) as { position: number }).position;
      say({ state: 'connected', begins });
    });
    source.onerror = () => {
      // The browser's own attempts would go on with the ids of another stream.
      source?.close();
      interrupted = true;
      begins = undefined;
      say({ state: 'reconnecting' });
      retry = setTimeout(connect, reconnectAfter);
    };
    for (const name of liveNames) source.addEventListener(name, (message: MessageEvent<string>) => receive(name, message));
  }

  function receive(name: keyof LiveEvents, message: MessageEvent<string>) {
    const id = Number(message.lastEventId);
    if (lastId !== 0 && id !== lastId + 1) say({ gap: true });
    lastId = id;
    begins = undefined;
    say({ event: { name, data: JSON.parse(message.data) as unknown } as LiveEvent });
  }

  function disconnect() {
    clearTimeout(retry);
    source?.close();
    source = undefined;
  }

  const stop = () => {
    disconnect();
    leadership.close();
    window.removeEventListener('pagehide', stop);
  };
  window.addEventListener('pagehide', stop);
  return stop;
}

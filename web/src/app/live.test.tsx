// @vitest-environment jsdom
import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query';
import { act, renderHook } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { useLiveStream } from '@/app/live';
import { inEnvironment } from '@/lib/api/environment';
import { positions } from '@/lib/live/position';

/** The browser's side of a stream, opened and broken by the test. */
class Stream extends EventTarget {
  static all: Stream[] = [];
  onopen = () => this.dispatchEvent(new MessageEvent('position', { data: '{"position":7}', lastEventId: '1' }));
  onerror: (() => void) | undefined;
  constructor() {
    super();
    Stream.all.push(this);
  }

  close() {}
}

/** Channels of one name hear each other, as tabs do. */
class Channel extends EventTarget {
  static all = new Set<Channel>();
  constructor(readonly name: string) {
    super();
    Channel.all.add(this);
  }

  postMessage(data: unknown) {
    for (const other of Channel.all) {
      if (other !== this && other.name === this.name) queueMicrotask(() => other.dispatchEvent(new MessageEvent('message', { data })));
    }
  }

  close() {
    Channel.all.delete(this);
  }
}

const place = { project: 'shop', environment: 'production' };

/** A tab that shows something of the environment from the moment that it is shown. */
function openTab(show = true) {
  const answers: ((answer: number) => void)[] = [];
  const client = new QueryClient();
  const page = renderHook(({ shown }) => {
    useLiveStream(place);
    return useQuery({ queryKey: inEnvironment(place, 'flags'), queryFn: () => new Promise<number>((answer) => answers.push(answer)), enabled: shown, staleTime: Infinity }).data;
  }, { initialProps: { shown: show }, wrapper: ({ children }) => <QueryClientProvider client={client}>{children}</QueryClientProvider> });
  return {
    asked: () => answers.length,
    answer: async () => {
      answers.at(-1)?.(answers.length);
      await pass(0);
    },
    show: () => page.rerender({ shown: true }),
    shown: () => page.result.current,
  };
}

const pass = (time: number) => act(() => vi.advanceTimersByTimeAsync(time));
/** What becomes of the newest stream. */
const become = (what: 'onopen' | 'onerror') => act(async () => {
  Stream.all.at(-1)?.[what]?.();
  await vi.advanceTimersByTimeAsync(0);
});

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('EventSource', Stream);
  vi.stubGlobal('BroadcastChannel', Channel);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  Stream.all = [];
});

test('what was asked before the stream was open is asked again, once', async () => {
  const tab = openTab();
  await tab.answer();
  await pass(1000);
  expect([tab.asked(), tab.shown()]).toEqual([1, 1]);
  await become('onopen');
  expect(tab.asked()).toBe(2);
  await tab.answer();
  await pass(20_000);
  expect([tab.asked(), tab.shown()]).toEqual([2, 2]);
});

test('what is being asked while the stream opens is asked again once it has been answered', async () => {
  const tab = openTab();
  await pass(1000);
  await become('onopen');
  expect(tab.asked()).toBe(1);
  await tab.answer();
  expect(tab.asked()).toBe(2);
  await tab.answer();
  await pass(20_000);
  expect([tab.asked(), tab.shown()]).toEqual([2, 2]);
});

test('what is asked after the stream is open is asked once', async () => {
  const tab = openTab(false);
  await pass(1000);
  await become('onopen');
  tab.show();
  await pass(0);
  await tab.answer();
  await pass(20_000);
  expect([tab.asked(), tab.shown()]).toEqual([1, 1]);
});

test('a stream that opens at the second attempt makes up for both at once', async () => {
  const tab = openTab();
  await tab.answer();
  await pass(1000);
  await become('onerror');
  await pass(5000);
  expect(tab.asked()).toBe(1);
  await become('onopen');
  expect(tab.asked()).toBe(2);
});

test('a tab that hears of the stream from another asks again when it does, and when that one reconnects', async () => {
  openTab(false);
  await pass(1000);
  await become('onopen');
  const tab = openTab();
  await tab.answer();
  expect(tab.asked()).toBe(2);
  await tab.answer();
  await pass(20_000);
  expect(tab.asked()).toBe(2);
  await become('onerror');
  await pass(5000);
  await become('onopen');
  expect(tab.asked()).toBe(3);
});

test('a tab that is opened while the stream has told nothing need not ask again; after an event it has to', async () => {
  positions.answered(7);
  openTab(false);
  await pass(1000);
  await become('onopen');
  const second = openTab();
  await second.answer();
  await pass(1000);
  expect(second.asked()).toBe(1);
  await act(async () => {
    Stream.all.at(-1)?.dispatchEvent(new MessageEvent('head', { data: '{"revision":8,"time":1}', lastEventId: '2' }));
    await vi.advanceTimersByTimeAsync(0);
  });
  const third = openTab();
  await third.answer();
  expect(third.asked()).toBe(2);
});

test('what was answered at the position at which the stream begins is not asked again', async () => {
  const tab = openTab();
  positions.answered(7);
  await tab.answer();
  await pass(1000);
  await become('onopen');
  expect(tab.asked()).toBe(1);
  // An answer that is on its way until now and is older: something happened between the two.
  positions.answered(6);
  await pass(0);
  expect(tab.asked()).toBe(2);
});

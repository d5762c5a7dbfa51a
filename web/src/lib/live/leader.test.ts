import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { Leadership, type Message } from '@/lib/live/leader';

/** What tabs say to each other arrives at all but the one that said it, as with a BroadcastChannel. */
class Air {
  private readonly tabs = new Map<string, (message: Message) => void>();
  open(name: string) {
    const said: string[] = [];
    const leadership = new Leadership(name, {
      post: (message) => this.tabs.forEach((hear, other) => other !== name && hear(message)),
      listen: (hear) => void this.tabs.set(name, hear),
      close: () => void this.tabs.delete(name),
    }, {
      lead: () => said.push('lead'), follow: () => said.push('follow'), asked: () => said.push('asked'), news: (news) => said.push(`news ${String(news)}`),
    });
    return { leadership, said, crash: () => this.tabs.delete(name) };
  }
}

let air: Air;
beforeEach(() => {
  vi.useFakeTimers();
  air = new Air();
});
afterEach(() => {
  vi.useRealTimers();
});

test('who asks and hears nothing leads; who comes later hears of it', () => {
  const a = air.open('a');
  vi.advanceTimersByTime(500);
  const b = air.open('b');
  vi.advanceTimersByTime(20_000);
  expect(a.said.slice(0, 2)).toEqual(['lead', 'asked']);
  expect(b.said).toEqual([]);
  a.leadership.tell(7);
  expect(b.said).toEqual(['news 7']);
});

test('when the one that leads says goodbye, another leads soon', () => {
  const a = air.open('a');
  vi.advanceTimersByTime(500);
  const b = air.open('b');
  vi.advanceTimersByTime(500);
  a.leadership.close();
  vi.advanceTimersByTime(500);
  expect(b.said).toEqual(['lead']);
});

test('when the one that leads crashes, another leads after it asked in vain', () => {
  const a = air.open('a');
  vi.advanceTimersByTime(500);
  const b = air.open('b');
  vi.advanceTimersByTime(500);
  a.crash();
  vi.advanceTimersByTime(10_000);
  expect(b.said).toEqual(['lead']);
});

test('of two that lead one stays', () => {
  const a = air.open('a');
  const b = air.open('b');
  vi.advanceTimersByTime(500);
  const leads = ({ said }: typeof a) => said.lastIndexOf('lead') > said.lastIndexOf('follow');
  expect([leads(a), leads(b)].filter(Boolean)).toHaveLength(1);
});

import { expect, it } from 'vitest';

import { changeTicksOf, sizeSentence, ticksOf, timeTicksOf, timeWord } from '@/features/segments/components/sizeWords';

it('begins the axis at 0 when sizes differ much', () => {
  expect(ticksOf([null, 100, 3100])).toEqual([0, 800, 1600, 2400, 3200]);
});

it('begins the axis near the sizes when they differ little', () => {
  expect(ticksOf([1_230_000, 1_284_310])).toEqual([1_220_000, 1_240_000, 1_260_000, 1_280_000, 1_300_000]);
});

it('has an axis when nothing is known or nothing changes', () => {
  expect(ticksOf([null])).toEqual([0, 1, 2, 3, 4]);
  expect(ticksOf([40, 40])).toEqual([0, 10, 20, 30, 40]);
});

it('has an axis of changes with room below only when somebody left', () => {
  expect(changeTicksOf([{ added: 1284, removed: 0 }])).toEqual([0, 1500]);
  expect(changeTicksOf([{ added: 1284, removed: 12 }, { added: 0, removed: 1900 }])).toEqual([-2000, 0, 2000]);
  expect(changeTicksOf([])).toEqual([0, 1]);
});

it('has a tick for every day, and calls the last one today', () => {
  const midnight = new Date(2026, 10, 29).getTime();
  const items = Array.from({ length: 28 }, (_, i) => ({ at: midnight + (i - 26) * 21_600_000 }));
  expect(timeTicksOf(items, '7d').map((at) => timeWord(at, '7d', midnight))).toEqual(['23 Nov', '24 Nov', '25 Nov', '26 Nov', '27 Nov', '28 Nov', 'Today']);
});

it('says what the chart shows', () => {
  const item = { at: 1, members: 10, added: 10, removed: 0, runs: 1, held: 0, failed: 0 };
  expect(sizeSentence({ _links: {}, bucketMs: 86_400_000, completeSince: 0, from: 0, to: 2, members: 12, items: [item], marks: [{ at: 1, kind: 'held', runId: 'r' }] }))
    .toBe('Members went from 10 to 12 in 30 days. 1 sync was held.');
});

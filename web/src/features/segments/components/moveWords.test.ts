import { expect, it } from 'vitest';

import { leftOutWords, moveWords } from '@/features/segments/components/moveWords';

it('a move says what it is at and whom it waits for', () => {
  expect(moveWords({ state: 'filling', to: 2 })).toBe('Relays and stores take all members under generation 2.');
  expect(moveWords({ state: 'filling', to: 2, waitsFor: ['relay 10.0.0.7'] })).toBe('It waits until relay 10.0.0.7 has taken all members under generation 2.');
  expect(moveWords({ state: 'filling', to: 2, waitsFor: ['relay 10.0.0.7', 'store eu (1)'] }))
    .toBe('It waits until relay 10.0.0.7 and store eu (1) have taken all members under generation 2.');
  expect(moveWords({ state: 'waiting', to: 2 })).toMatch(/^Everybody who was waited for has all members/);
  expect(moveWords({ state: 'switched', to: 3 })).toMatch(/^SDKs ask for generation 3\./);
});

it('who was left out is named with what their SDKs may see', () => {
  expect(leftOutWords(undefined)).toBeUndefined();
  expect(leftOutWords([])).toBeUndefined();
  expect(leftOutWords(['relay 10.0.0.7'])).toBe('relay 10.0.0.7 took in nothing and was not waited for: its SDKs may miss members until it has caught up.');
  expect(leftOutWords(['a', 'b'])).toMatch(/^a and b took in nothing and were not waited for: their SDKs/);
});

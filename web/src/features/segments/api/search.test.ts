// @vitest-environment jsdom
import { expect, test } from 'vitest';

import { segmentsSearch } from '@/features/segments/api/search';
import { choice, count, text } from '@/lib/search';

test('texts are texts; the router reads digits as numbers', () => {
  expect(text('a b')).toBe('a b');
  expect(text(2048)).toBe('2048');
  for (const bad of ['', undefined, null, true, ['a'], { a: 1 }]) expect(text(bad)).toBeUndefined();
});

test('a choice is one of those there are', () => {
  expect(choice('held', ['live', 'held'])).toBe('held');
  for (const bad of ['Held', 'toString', 0, undefined]) expect(choice(bad, ['live', 'held'])).toBeUndefined();
});

test('a count is whole, from one, and exact', () => {
  expect(count('3')).toBe(3);
  expect(count(1)).toBe(1);
  for (const bad of [0, -1, 1.5, 'x', '', null, Infinity, 2 ** 60]) expect(count(bad)).toBeUndefined();
});

test('bad values of the list’s address fall back, good ones beside them stay', () => {
  expect(segmentsSearch({ q: 'vip', state: 'lively', sort: '-members', page: '-3', other: 1 })).toEqual({ q: 'vip', sort: '-members' });
});

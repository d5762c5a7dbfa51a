import { expect, test, vi } from 'vitest';

import { Positions } from '@/lib/live/position';

test('answers to which nothing was added until the stream began need not be asked again', () => {
  const positions = new Positions();
  const late = vi.fn();
  positions.answered(7);
  positions.answered(7);
  expect(positions.knownAt(7, late)).toBe(true);
  positions.answered(9);
  expect(late).not.toHaveBeenCalled();
});

test('one answer that is older than the stream is enough, and so is none at all', () => {
  const positions = new Positions();
  expect(positions.knownAt(7, vi.fn())).toBe(false);
  positions.answered(6);
  positions.answered(8);
  expect(positions.knownAt(7, vi.fn())).toBe(false);
});

test('an older answer that comes after the stream has begun is told of once', () => {
  const positions = new Positions();
  const late = vi.fn();
  positions.answered(7);
  expect(positions.knownAt(7, late)).toBe(true);
  positions.answered(6);
  positions.answered(6);
  expect(late).toHaveBeenCalledTimes(1);
});

import { expect, it } from 'vitest';

import { percent, shortNumber } from '@/lib/number';

it.each([[1_220_000, '1.22 M'], [-10_000, '−10 k'], [7, '7']])('%i is %s on an axis', (value, text) => {
  expect(shortNumber(value)).toBe(text);
});

it.each([[30, '30\u00a0%'], [32.14, '32.1\u00a0%'], [0, '0\u00a0%'], [0.02, '<\u00a00.1\u00a0%']])('a share of %f is %s', (value, text) => {
  expect(percent(value)).toBe(text);
});

import { expect, test } from 'vitest';

import { shares } from '@/components/diffShares';

test('a part that is small is drawn as one percent, and a part that is nothing is not drawn', () => {
  expect(shares(9990, 10, 0)).toEqual({ stay: 99.9, leave: 1, join: 0, enlarged: true });
  expect(shares(50, 25, 25)).toEqual({ stay: 50, leave: 25, join: 25, enlarged: false });
});

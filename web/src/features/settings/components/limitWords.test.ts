import { expect, test } from 'vitest';

import { bytes, limitValue, limitWords, room } from '@/features/settings/components/limitWords';

test('limits are named in words', () => {
  expect(limitWords('maxMemberKeyBytes')).toBe('Max member key');
  expect(limitWords('maxContextsOfAFilter')).toBe('Max contexts of a filter');
  expect(limitWords('sdkCacheSeconds')).toBe('SDK cache');
  expect(limitWords('keptPointsSeconds')).toBe('Kept points for');
  expect(limitWords('keptWebhookDeliveries')).toBe('Kept webhook deliveries');
  expect(limitWords('maxHttp2Streams')).toBe('Max HTTP/2 streams');
});

test('values have the unit of their name', () => {
  expect(limitValue({ name: 'maxMemberKeyBytes', value: 2048 })).toBe('2 KiB');
  expect(limitValue({ name: 'maxImportBytes', value: 10 * 1024 ** 3 })).toBe('10 GiB');
  expect(limitValue({ name: 'maxAuditScan', value: 20_000 })).toBe('20,000');
  expect(bytes(255)).toBe('255 bytes');
  expect(bytes(1536)).toBe('1,536 bytes');
  expect(room(70_680_616 * 1024)).toBe('67.4 GiB');
});

// The Node server-side SDK in daemon mode: flags, segments and members come from muster's RESP port alone.
import { init } from '@launchdarkly/node-server-sdk';
import { RedisBigSegmentStore, RedisFeatureStore } from '@launchdarkly/node-server-sdk-redis';

import { contextKey, flags, reporter, setting, untilInputEnds } from './settings.js';

const redisOpts = { host: setting('RESP_HOST'), port: Number(setting('RESP_PORT')), password: setting('COMPAT_SDK_KEY') };
const client = init(setting('COMPAT_SDK_KEY'), {
  useLdd: true,
  sendEvents: false,
  featureStore: RedisFeatureStore({ redisOpts, cacheTTL: 0 }),
  bigSegments: { store: RedisBigSegmentStore({ redisOpts }), userCacheTime: 0.001, statusPollInterval: 0.2 },
});
await client.waitForInitialization({ timeout: 20 });

const report = reporter();
const look = async () => {
  for (const flag of flags) {
    const detail = await client.variationDetail(flag, { kind: 'user', key: contextKey }, false);
    report(flag, detail.value, detail.reason);
  }
  timer = setTimeout(look, 20);
};
let timer = setTimeout(look, 0);

untilInputEnds(async () => {
  clearTimeout(timer);
  await client.close();
});

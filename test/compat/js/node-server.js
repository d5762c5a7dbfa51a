// The Node server-side SDK with its Redis Big Segment store (ioredis) on muster's RESP port.
import { init } from '@launchdarkly/node-server-sdk';
import { RedisBigSegmentStore } from '@launchdarkly/node-server-sdk-redis';

import { base, contextKey, flags, reporter, setting, untilInputEnds } from './settings.js';

const client = init(setting('COMPAT_SDK_KEY'), {
  baseUri: base,
  streamUri: base,
  eventsUri: base,
  dataSystem: process.env.SECOND_PROTOCOL && { dataSource: { dataSourceOptionsType: 'standard' } },
  bigSegments: {
    store: RedisBigSegmentStore({
      redisOpts: { host: setting('RESP_HOST'), port: Number(setting('RESP_PORT')), password: setting('COMPAT_SDK_KEY') },
    }),
    userCacheTime: 0.001, // the default of 5 s slides with every read here
    statusPollInterval: 0.2,
  },
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

// The Node server-side SDK with its Redis Big Segment store (ioredis) on muster's RESP port, or on a Redis.
import { init } from '@launchdarkly/node-server-sdk';
import { RedisBigSegmentStore } from '@launchdarkly/node-server-sdk-redis';

import { base, context, flags, reporter, setting, untilInputEnds } from './settings.js';

const client = init(setting('COMPAT_SDK_KEY'), {
  baseUri: base,
  streamUri: base,
  eventsUri: base,
  dataSystem: process.env.SECOND_PROTOCOL && { dataSource: { dataSourceOptionsType: 'standard' } },
  bigSegments: {
    store: RedisBigSegmentStore({
      redisOpts: process.env.REDIS_PORT
        ? { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) }
        : { host: setting('RESP_HOST'), port: Number(setting('RESP_PORT')), password: setting('COMPAT_SDK_KEY') },
      prefix: process.env.REDIS_PREFIX,
    }),
    userCacheTime: 0.001, // the default of 5 s slides with every read here
    statusPollInterval: 0.2,
  },
});
await client.waitForInitialization({ timeout: 20 });

const report = reporter();
const look = async () => {
  for (const flag of flags) {
    const detail = await client.variationDetail(flag, context, false);
    report(flag, detail.value, detail.reason);
  }
  timer = setTimeout(look, 20);
};
let timer = setTimeout(look, 0);

untilInputEnds(async () => {
  clearTimeout(timer);
  await client.close();
});

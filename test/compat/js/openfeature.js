// OpenFeature with the provider that COMPAT_PROVIDER names: two that ask muster for every evaluation or
// poll its results, and LaunchDarkly's own around the Node server-side SDK.
import { RedisBigSegmentStore } from '@launchdarkly/node-server-sdk-redis';
import { LaunchDarklyProvider } from '@launchdarkly/openfeature-node-server';
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { OpenFeature as Server } from '@openfeature/server-sdk';
import { OpenFeature as Web } from '@openfeature/web-sdk';

import { base, contextKey, environmentId, flags, reporter, setting, untilInputEnds } from './settings.js';

const context = { targetingKey: contextKey };
const report = reporter();
let timer;
const every = (look) => {
  const round = async () => {
    await look();
    timer = setTimeout(round, 20);
  };
  return round();
};

const server = async (provider) => {
  await Server.setProviderAndWait(provider);
  const client = Server.getClient();
  await every(async () => {
    for (const flag of flags) {
      const detail = await client.getBooleanDetails(flag, false, context);
      report(flag, detail.value, { kind: detail.reason, bigSegmentsStatus: detail.flagMetadata?.bigSegmentsStatus });
    }
  });
};

const providers = {
  ofrep: () => server(new OFREPProvider({ baseUrl: base, headers: [['Authorization', `Bearer ${setting('COMPAT_SDK_KEY')}`]] })),
  'ofrep-web': async () => {
    await Web.setContext(context);
    await Web.setProviderAndWait(new OFREPWebProvider({ baseUrl: base, pollInterval: 50, headers: [['X-API-Key', environmentId]] }));
    const client = Web.getClient();
    await every(async () => {
      for (const flag of flags) {
        const detail = client.getBooleanDetails(flag, false);
        report(flag, detail.value, { kind: detail.reason, bigSegmentsStatus: detail.flagMetadata?.bigSegmentsStatus });
      }
    });
  },
  launchdarkly: () => server(new LaunchDarklyProvider(setting('COMPAT_SDK_KEY'), {
    baseUri: base,
    streamUri: base,
    eventsUri: base,
    bigSegments: {
      store: RedisBigSegmentStore({
        redisOpts: { host: setting('RESP_HOST'), port: Number(setting('RESP_PORT')), password: setting('COMPAT_SDK_KEY') },
      }),
      userCacheTime: 0.001,
    },
  })),
};
await providers[setting('COMPAT_PROVIDER')]();

untilInputEnds(async () => {
  clearTimeout(timer);
  await Server.close();
  await Web.close();
});

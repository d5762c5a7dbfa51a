// The Node client-side SDK: the same core as the classic browser SDK, streaming.
import { initialize } from 'launchdarkly-node-client-sdk';

import { base, context, environmentId, flags, reporter, untilInputEnds } from './settings.js';

const client = initialize(environmentId, context, {
  baseUrl: base,
  streamUrl: base,
  eventsUrl: base,
  evaluationReasons: true,
  streaming: true,
});
await client.waitForInitialization(20);

const report = reporter();
const look = () => {
  for (const flag of flags) {
    const detail = client.variationDetail(flag, false);
    report(flag, detail.value, detail.reason);
  }
};
client.on('change', look);
look();

untilInputEnds(() => client.close());

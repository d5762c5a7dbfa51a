// The Node server-side SDK evaluates a flag so many times for ann, so many for bob, and sends its events.
import { init } from '@launchdarkly/node-server-sdk';

import { base, flags, reporter, setting, untilInputEnds } from './settings.js';

const client = init(setting('COMPAT_SDK_KEY'), { baseUri: base, streamUri: base, eventsUri: base });
await client.waitForInitialization({ timeout: 20 });
for (const [key, times] of [['ann', Number(setting('COMPAT_ANN'))], ['bob', Number(setting('COMPAT_BOB'))]]) {
  for (let i = 0; i < times; i += 1) {
    await client.variation(flags[0], { kind: 'user', key }, false);
  }
}
await client.flush();
reporter()(flags[0], true, { kind: 'flushed' });

untilInputEnds(() => client.close());

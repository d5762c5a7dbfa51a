// A page of React components: each shows one flag, by hook, and reports what it shows.
import { LDProvider, useFlags, useLDClient } from 'launchdarkly-react-client-sdk';
import { useEffect } from 'react';
import { createRoot } from 'react-dom/client';

const query = new URLSearchParams(location.search);
const base = query.get('base');

const Flag = ({ name }) => {
  const value = useFlags()[name];
  const client = useLDClient();
  useEffect(() => {
    if (value === undefined) return;
    const { reason } = client.variationDetail(name, false);
    console.log(`compat ${JSON.stringify({ flag: name, value, kind: reason?.kind ?? '', status: reason?.bigSegmentsStatus ?? '' })}`);
  }, [client, name, value]);
  return <p>{name}: {value === undefined ? 'not known yet' : value ? 'on' : 'off'}</p>;
};

createRoot(document.querySelector('main')).render(
  <LDProvider
    clientSideID={query.get('environment')}
    context={JSON.parse(query.get('context'))}
    options={{ baseUrl: base, streamUrl: base, eventsUrl: base, evaluationReasons: true }}
    reactOptions={{ useCamelCaseFlagKeys: false }}
  >
    {query.get('flags').split(',').map((name) => <Flag key={name} name={name} />)}
  </LDProvider>,
);

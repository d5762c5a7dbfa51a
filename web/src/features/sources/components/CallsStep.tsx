import { VisuallyHidden } from '@mantine/core';
import { useState } from 'react';

import { Note } from '@/components/Note';
import { StatePill } from '@/components/StatePill';
import { accepted, type Call } from '@/features/sources/api/useCalls';
import { CallCard } from '@/features/sources/components/CallCard';
import { Step } from '@/features/sources/components/Steps';
import type { Tool } from '@/lib/api/tools';
import type { Place } from '@/lib/place';
import { useAge } from '@/lib/useNow';

const patience = 120_000;

interface CallsStepProps {
  place: Place;
  environment: string;
  tool: Tool;
  listening: boolean;
  calls: readonly Call[];
}

/** Shows each call of the tool as it comes. */
export function CallsStep({ place, environment, tool, listening, calls }: CallsStepProps) {
  const done = calls.some(accepted);
  return (
    <Step title="First call" state={done ? 'done' : listening ? 'on' : 'later'} beside={listening && <StatePill state="syncing" word="Listening" />}>
      <VisuallyHidden role="status">{done ? `The first call of ${tool.name} arrived.` : ''}</VisuallyHidden>
      {!listening && <p>Create the token first: its calls will be shown here.</p>}
      {listening && calls.length === 0 && (
        <>
          <p>Waiting for {tool.name}. This page shows every call with this token as it arrives, also refused ones.</p>
          <Silence tool={tool.name} />
        </>
      )}
      {calls.map((call) => <CallCard key={`${call.at}-${call.run?._id ?? call.message ?? ''}`} place={place} environment={environment} tool={tool.name} call={call} />)}
    </Step>
  );
}

/** What to look at when nothing has come for two minutes. */
function Silence({ tool }: { tool: string }) {
  const [since] = useState(() => Date.now());
  if (useAge(since) < patience) return null;
  return (
    <Note tone="info">
      <b>Nothing has arrived for two minutes.</b>
      <ul>
        <li>Is the address in {tool} the one of step 3, whole?</li>
        <li>Does the firewall let {tool} through to muster?</li>
        <li>Is the header of step 3 there?</li>
        <li>Has the audience members, and was it synced?</li>
      </ul>
    </Note>
  );
}

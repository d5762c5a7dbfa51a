import { Button, Skeleton } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { tokenQuery } from '@/features/sources/api/connect';
import { accepted, useCalls } from '@/features/sources/api/useCalls';
import { AudienceStep } from '@/features/sources/components/AudienceStep';
import { CallsStep } from '@/features/sources/components/CallsStep';
import { PasteStep } from '@/features/sources/components/PasteStep';
import classes from '@/features/sources/components/Source.module.css';
import { Steps } from '@/features/sources/components/Steps';
import { TokenStep } from '@/features/sources/components/TokenStep';
import { ToolFacts } from '@/features/sources/components/ToolFacts';
import { environmentQuery } from '@/lib/api/environment';
import { toolsQuery, type Tool } from '@/lib/api/tools';
import { usePlace, type Place } from '@/lib/place';

const route = getRouteApi('/shell/projects/$project/environments/$environment/sources/new/$tool');

/** From nothing to the first call of a tool, in four steps. */
export function ConnectPage() {
  const place = usePlace();
  const { tool: key } = route.useParams();
  const { data, error, refetch } = useQuery(toolsQuery);
  const tool = data?.items.find((one) => one.key === key);
  const above = [<Link key="sources" to="/projects/$project/environments/$environment/sources" params={place}>Sources</Link>];
  if (tool) {
    return (
      <>
        <PageHeader key={key} title={`Connect ${tool.name}`} above={above} facts={tool.overview} />
        <Connect key={`${place.project} ${place.environment} ${key}`} place={place} tool={tool} base={data?.publicUrl ?? window.location.origin} />
      </>
    );
  }
  return (
    <>
      <PageHeader title={data ? 'Nothing here' : `Connect ${key}`} above={above} />
      <Panel>
        {error && <ErrorState title="The tool could not be loaded. Those that push keep working." error={error} onRetry={() => void refetch()} />}
        {data && (
          <EmptyState
            title={`There is no tool “${key}” here`}
            actions={<Button variant="default" renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/sources" params={place} />}>All sources</Button>}
          >
            Sources lists the tools that this muster understands.
          </EmptyState>
        )}
        {!data && !error && <Skeleton height={320} aria-hidden />}
      </Panel>
    </>
  );
}

function Connect({ place, tool, base }: { place: Place; tool: Tool; base: string }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const { kind = 'user', token } = route.useSearch();
  const [secret, setSecret] = useState<{ token: string; text: string }>();
  const { data: environment } = useQuery(environmentQuery(place));
  const calls = useCalls(place, tool, token);
  const done = calls.some(accepted);
  const show = (search: { kind?: string; token?: string }) =>
    void navigate({
      to: '/projects/$project/environments/$environment/sources/new/$tool', params: { ...place, tool: tool.key }, search, replace: true, resetScroll: false,
    });
  const text = secret?.token === token ? secret?.text : undefined;
  const name = environment?.name ?? place.environment;
  return (
    <div className={classes.columns}>
      <Steps>
        <AudienceStep project={place.project} tool={tool} kind={kind} onKind={(next) => show({ token, kind: next === 'user' ? undefined : next })} />
        <TokenStep
          place={place} environment={name} tool={tool} token={token} secret={text}
          onToken={(made) => {
            setSecret({ token: made._id, text: made.token });
            client.setQueryData(tokenQuery(made._id).queryKey, { ...made, token: '' });
            show({ kind: kind === 'user' ? undefined : kind, token: made._id });
          }}
        />
        <PasteStep place={place} tool={tool} values={{ environmentId: environment?._id ?? '', contextKind: kind }} base={base} secret={text} token={token} done={done} />
        <CallsStep place={place} environment={name} tool={tool} listening={token !== undefined} calls={calls} />
      </Steps>
      <div className={classes.aside}><ToolFacts tool={tool} /></div>
    </div>
  );
}

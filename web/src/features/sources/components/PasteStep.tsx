import { CodeBlock } from '@/components/CodeBlock';
import { Note } from '@/components/Note';
import { authorization, filled, trouble, type Values } from '@/features/sources/api/guide';
import classes from '@/features/sources/components/Source.module.css';
import { Step } from '@/features/sources/components/Steps';
import { TestSync } from '@/features/sources/components/TestSync';
import type { Tool } from '@/lib/api/tools';
import type { Place } from '@/lib/place';

interface PasteStepProps {
  place: Place;
  tool: Tool;
  values: Values;
  /** Where tools reach muster, without a path. */
  base: string;
  secret: string | undefined;
  token: string | undefined;
  done: boolean;
}

/** The values that the tool asks for, to be pasted there. */
export function PasteStep({ place, tool, values, base, secret, token, done }: PasteStepProps) {
  const address = base + filled(tool.path, values);
  const header = secret === undefined ? '<token>' : authorization(tool, secret);
  return (
    <Step title={`Paste into ${tool.name}`} state={done ? 'done' : token === undefined ? 'later' : 'on'}>
      <ol className={classes.guide}>{tool.steps.map((step) => <li key={step}>{step}</li>)}</ol>
      <Unreachable tool={tool.name} base={base} />
      {tool.native === 'address' && <CodeBlock label="Address of muster" code={base} />}
      <CodeBlock label="URL, method POST" code={address} />
      {tool.basicAuthentication
        ? <CodeBlock label="Password, with any user name" code={secret ?? '<token>'} secret={secret} />
        : <CodeBlock label="Header" code={`Authorization: ${header}`} secret={secret} />}
      <CodeBlock label="Environment id" code={values.environmentId} />
      {tool.body !== undefined && <CodeBlock label="Body template" code={filled(tool.body, values)} />}
      {tool.body !== undefined && <TestSync key={values.contextKind} place={place} tool={tool} values={values} address={address} secret={secret} />}
    </Step>
  );
}

function Unreachable({ tool, base }: { tool: string; base: string }) {
  const why = trouble(base);
  if (why === undefined) return null;
  return (
    <Note tone="warn">
      {why === 'loopback'
        ? <><b>{tool} cannot reach {new URL(base).hostname}.</b> Start muster with <code>--public-url</code> and the address that {tool} can reach.</>
        : <><b>This address is not encrypted.</b> The token would travel in plain text. Start muster with <code>--public-url</code> and an https address.</>}
    </Note>
  );
}

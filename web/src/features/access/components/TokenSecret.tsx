import { CodeBlock } from '@/components/CodeBlock';
import { Note } from '@/components/Note';

/** The text of a token, at the one moment at which there is one. */
export function TokenSecret({ secret }: { secret: string }) {
  return (
    <>
      <CodeBlock label="Shown once" code={secret} secret={secret} copyLabel="Copy token" />
      <Note tone="warn" role="status"><b>Copy it now.</b> It will not be shown again.</Note>
    </>
  );
}

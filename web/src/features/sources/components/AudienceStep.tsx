import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';

import { Step } from '@/features/sources/components/Steps';
import { contextKindsQuery } from '@/lib/api/contextKinds';
import type { Tool } from '@/lib/api/tools';

interface AudienceStepProps {
  project: string;
  tool: Tool;
  kind: string;
  onKind: (kind: string) => void;
}

/** What the keys of the audience name. */
export function AudienceStep({ project, tool, kind, onKind }: AudienceStepProps) {
  const { data = [] } = useQuery(contextKindsQuery(project));
  const kinds = [...new Set([kind, 'user', ...data.filter((one) => !one.archived).map((one) => one.key)])];
  return (
    <Step title="Who is in the audience?" state="done">
      <p>The key {tool.name} sends must be the key your SDK sends.</p>
      {tool.can.contextKind
        ? <Select label="Context kind" data={kinds} value={kind} allowDeselect={false} maw={240} onChange={(value) => value !== null && onKind(value)} />
        : <p>Context kind <b>user</b>: {tool.name} can name no other.</p>}
    </Step>
  );
}

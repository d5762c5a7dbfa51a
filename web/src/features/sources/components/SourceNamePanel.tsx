import { TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import { SaveBar } from '@/components/SaveBar';
import { changeSource, sourceName, sourceQuery, sourcesQuery, type Source } from '@/features/sources/api/source';
import { toolName } from '@/lib/api/tools';
import type { Place } from '@/lib/place';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

interface SourceNamePanelProps {
  place: Place;
  source: Source;
  refused: string | undefined;
}

/** What people call a source here. Without a name of its own it is called like its tool. */
export function SourceNamePanel({ place, source, refused }: SourceNamePanelProps) {
  const client = useQueryClient();
  const before = source.name ?? '';
  const [edited, setEdited] = useState<string>();
  const name = edited ?? before;
  const changes = name.trim() === before ? 0 : 1;
  const save = useMutation({
    mutationFn: () => changeSource(place, source.key, { name: name.trim() }),
    onSuccess: (saved) => {
      client.setQueryData(sourceQuery(place, source.key).queryKey, saved);
      void client.invalidateQueries({ queryKey: sourcesQuery(place).queryKey });
      setEdited(undefined);
      toast(`Saved. The source is called ${sourceName(saved)}.`);
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (changes > 0) save.mutate();
      }}
    >
      <Panel title="Details">
        <TextInput
          label="Name" value={name} placeholder={toolName(source.key)} onChange={(event) => setEdited(event.currentTarget.value)} maxLength={256} readOnly={refused !== undefined}
          description={refused ?? `Left empty, it is called ${toolName(source.key)}.`} inputWrapperOrder={['label', 'input', 'error', 'description']}
        />
        {save.error && <Note tone="bad" role="alert">{sentence(save.error.message)}</Note>}
        <SaveBar inPanel changes={changes} onSave={() => save.mutate()} onDiscard={() => setEdited(undefined)} busy={save.isPending} />
      </Panel>
    </form>
  );
}

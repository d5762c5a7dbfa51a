import { Drawer } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { ErrorState } from '@/components/ErrorState';
import { followersQuery } from '@/features/destinations/api/followers';
import { configOfSink, settingsOf, type Config } from '@/features/destinations/api/settings';
import { changeSink, sinkQuery, trySink, type Sink, type SinkPlace } from '@/features/destinations/api/sinks';
import { StoreForm } from '@/features/destinations/components/StoreForm';
import { inEnvironment } from '@/lib/api/environment';
import { ApiError } from '@/lib/api/error';
import { toast } from '@/lib/toast';

interface EditDestinationProps {
  at: SinkPlace;
  name: string;
  opened: boolean;
  onClose: () => void;
}

/** Changes the settings of a store. */
export function EditDestination({ at, name, opened, onClose }: EditDestinationProps) {
  const { data: sink, error, refetch } = useQuery({ ...sinkQuery(at), enabled: opened });
  return (
    <Drawer opened={opened} onClose={onClose} position="right" size={520} title={`Edit ${name}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      {error && !sink && <ErrorState title="Its settings could not be loaded. It goes on with them." error={error} onRetry={() => void refetch()} />}
      {sink && <EditStore at={at} present={sink} onClose={onClose} />}
    </Drawer>
  );
}

function EditStore({ at, present, onClose }: { at: SinkPlace; present: Sink; onClose: () => void }) {
  const client = useQueryClient();
  const [sink] = useState(present); // what is edited, though somebody else may change it meanwhile
  const save = useMutation({
    mutationFn: ({ name, config }: { name: string; config: Config }) => changeSink(at, sink.version, { name, config }),
    onSuccess: (saved) => {
      onClose();
      client.setQueryData(sinkQuery(at).queryKey, saved);
      toast(`Saved ${saved.name || 'the store'}.`);
      void client.invalidateQueries({ queryKey: followersQuery(at).queryKey });
      void client.invalidateQueries({ queryKey: inEnvironment(at, 'sinks') });
    },
  });
  const overtaken = save.error instanceof ApiError && save.error.status === 409 && save.error.code === 'conflict';
  return (
    <StoreForm
      initial={settingsOf(sink)} kept={configOfSink(sink)} submit="Save" busy={save.isPending} onCancel={onClose}
      error={overtaken ? new Error(`${save.error?.message ?? ''}. Your edits are kept here; close and open this again to see what is there now`) : save.error}
      onTest={(_, config) => trySink(at, config)} onSubmit={(name, config) => save.mutate({ name, config })}
    />
  );
}

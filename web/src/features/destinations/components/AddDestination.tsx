import { Drawer, NativeSelect } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';

import { followersQuery } from '@/features/destinations/api/followers';
import type { Addable } from '@/features/destinations/api/search';
import { emptySettings, sinkKind, type Config, type StoreKind } from '@/features/destinations/api/settings';
import { createSink, tryNewSink } from '@/features/destinations/api/sinks';
import { PointRelay } from '@/features/destinations/components/PointRelay';
import { StoreForm } from '@/features/destinations/components/StoreForm';
import classes from '@/features/destinations/components/StoreFields.module.css';
import { inEnvironment } from '@/lib/api/environment';
import type { Place } from '@/lib/place';
import { toast } from '@/lib/toast';

const kinds: { value: Addable; label: string }[] = [
  { value: 'redis', label: 'Redis or Valkey' },
  { value: 'sentinel', label: 'Redis behind Sentinels' },
  { value: 'cluster', label: 'Redis Cluster' },
  { value: 'dynamodb', label: 'DynamoDB' },
  { value: 'relay', label: 'LaunchDarkly Relay Proxy' },
];

interface AddDestinationProps {
  place: Place;
  /** What is being added; undefined: the drawer is closed. */
  add: Addable | undefined;
  onKind: (kind: Addable) => void;
  onClose: () => void;
}

/** Sets up one more place where SDKs read the membership. */
export function AddDestination({ place, add, onKind, onClose }: AddDestinationProps) {
  return (
    <Drawer opened={add !== undefined} onClose={onClose} position="right" size={520} title="Add destination" closeButtonProps={{ 'aria-label': 'Close' }}>
      <NativeSelect
        className={classes.kinds} label="Kind" data={kinds} value={add} data-autofocus={add === 'relay' || undefined}
        onChange={(event) => onKind(kinds.find((kind) => kind.value === event.currentTarget.value)?.value ?? 'redis')}
      />
      {add === 'relay' && <PointRelay place={place} />}
      {add !== undefined && add !== 'relay' && <AddStore key={add} place={place} kind={add} onClose={onClose} />}
    </Drawer>
  );
}

function AddStore({ place, kind, onClose }: { place: Place; kind: StoreKind; onClose: () => void }) {
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: ({ name, config }: { name: string; config: Config }) => createSink(place, sinkKind(kind), { name, on: true, config }),
    onSuccess: (sink) => {
      onClose();
      toast(`Added ${sink.name || 'the store'}. It is being filled.`);
      void client.invalidateQueries({ queryKey: followersQuery(place).queryKey });
      void client.invalidateQueries({ queryKey: inEnvironment(place, 'sinks') });
    },
  });
  return (
    <StoreForm
      initial={emptySettings(kind)} kept={{}} submit="Create" busy={create.isPending} error={create.error} onCancel={onClose}
      onTest={(name, config) => tryNewSink(place, sinkKind(kind), { name, on: true, config })} onSubmit={(name, config) => create.mutate({ name, config })}
    />
  );
}

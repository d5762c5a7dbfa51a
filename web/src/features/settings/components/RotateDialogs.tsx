import { Radio, Stack } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { ConfirmDialog } from '@/components/ConfirmDialog';
import { endFormerKeys, grace, rotateMobileKey, rotateSDKKey, type Environment } from '@/features/settings/api/environments';
import { environmentQuery, projectsKey } from '@/lib/api/environment';
import { counted } from '@/lib/number';
import type { Place } from '@/lib/place';
import { exactTime } from '@/lib/time';
import { toast } from '@/lib/toast';

interface RotateProps {
  place: Place;
  environment: Environment;
  opened: boolean;
  onClose: () => void;
}

/** A change of an environment's keys: what it answers is the environment as it is from then on. */
function useKeyChange(place: Place, change: () => Promise<Environment>, done: (environment: Environment) => string, onClose: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: (environment) => {
      client.setQueryData(environmentQuery(place).queryKey, environment);
      void client.invalidateQueries({ queryKey: projectsKey });
      toast(done(environment));
      onClose();
    },
  });
}

/** Asks how long the old SDK key goes on working. */
export function RotateSDKKey({ place, environment, users, opened, onClose }: RotateProps & { users: number | undefined }) {
  const [when, setWhen] = useState('grace');
  const now = when === 'now';
  const rotate = useKeyChange(place, () => rotateSDKKey(place, now ? undefined : Date.now() + grace), (made) => {
    const former = made._muster.formerSdkKeys.at(-1);
    return former && !now ? `Rotated the SDK key. The old one works until ${exactTime(former.expiresAt)}.` : 'Rotated the SDK key. The old one ended.';
  }, onClose);
  const use = users === undefined ? 'It is not known yet how many SDKs use it.' : users === 0 ? 'No SDK uses it now.' : `${counted(users, 'SDK uses it now', 'SDKs use it now')}.`;
  return (
    <ConfirmDialog
      opened={opened} onClose={onClose} title={`Rotate the SDK key of ${environment.name}?`} confirm="Rotate the SDK key" danger={now} typed={now ? environment.key : undefined}
      onConfirm={() => rotate.mutate()} busy={rotate.isPending} error={rotate.error}
    >
      <Stack gap={14}>
        <Radio.Group label="The old SDK key" value={when} onChange={setWhen}>
          <Stack gap={10} mt={8}>
            <Radio value="grace" label="keeps working for 24 h" />
            <Radio value="now" label="ends at once" />
          </Stack>
        </Radio.Group>
        <p>
          {now
            ? `${use} Each loses its connection and keeps the flags that it has, until it is started with the new key.`
            : `The old SDK key keeps working for 24 h. ${use}`}
        </p>
      </Stack>
    </ConfirmDialog>
  );
}

/** Asks before the SDK keys from before a rotation end. */
export function EndFormerKeys({ place, environment, count, opened, onClose }: RotateProps & { count: number }) {
  const end = useKeyChange(place, () => endFormerKeys(place), () => `Ended ${counted(count, 'old SDK key')}.`, onClose);
  return (
    <ConfirmDialog
      opened={opened} onClose={onClose} title={`End the old ${count === 1 ? 'SDK key' : 'SDK keys'} of ${environment.name}?`} confirm={`End ${counted(count, 'old SDK key')}`} danger
      onConfirm={() => end.mutate()} busy={end.isPending} error={end.error}
    >
      <p>SDKs and relays that still use {count === 1 ? 'it' : 'one'} lose their connection at once and keep the flags that they have. The present SDK key is not touched.</p>
    </ConfirmDialog>
  );
}

/** Asks before the mobile key ends. */
export function RotateMobileKey({ place, environment, opened, onClose }: RotateProps) {
  const rotate = useKeyChange(place, () => rotateMobileKey(place), () => 'Rotated the mobile key. The old one ended.', onClose);
  return (
    <ConfirmDialog
      opened={opened} onClose={onClose} title={`Rotate the mobile key of ${environment.name}?`} confirm="Rotate the mobile key" danger typed={environment.key}
      onConfirm={() => rotate.mutate()} busy={rotate.isPending} error={rotate.error}
    >
      <p>The old mobile key ends at once. Apps that hold it keep the flags that they have, and get no others until they are updated.</p>
    </ConfirmDialog>
  );
}

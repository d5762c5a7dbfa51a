import { Switch, Tooltip } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { flagQuery, instructFlag } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import classes from '@/features/flags/components/Flags.module.css';
import { TurnDialog } from '@/features/flags/components/TurnDialog';
import { onOff } from '@/features/flags/components/flagWords';
import { inEnvironment } from '@/lib/api/environment';
import type { Place } from '@/lib/place';
import { failureSentence, sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

interface FlagSwitchProps {
  place: Place;
  flag: Flag;
  environment: { name: string; critical: boolean };
  /** Why this person may not. */
  refused?: string;
  /** Whether the environment stands beside it in words. */
  named?: boolean;
}

/**
 * Switches a flag on or off; where changes are critical it asks first, elsewhere it offers the way back. A refusal of the
 * server stands below it.
 */
export function FlagSwitch({ place, flag, environment, refused, named = false }: FlagSwitchProps) {
  const client = useQueryClient();
  const [asked, setAsked] = useState({ opened: false, to: false });
  const at = { ...place, flag: flag.key };
  const config = flag.environments?.[place.environment];
  const close = () => setAsked(({ to }) => ({ opened: false, to }));
  const turn = useMutation({
    mutationFn: (to: boolean) => instructFlag(at, [{ kind: to ? 'turnFlagOn' : 'turnFlagOff' }]),
    onSuccess: async (saved, to) => {
      close();
      client.setQueryData(flagQuery(at).queryKey, saved);
      await client.invalidateQueries({ queryKey: inEnvironment(place, 'flags') });
      toast(`Turned ${flag.name} ${onOff(to)} in ${environment.name}.`, environment.critical ? undefined : {
        // The row may be gone by then, and what stands in it with it.
        run: () => void turn.mutateAsync(!to).catch((failure: unknown) => toast(`Nothing was undone. ${failureSentence(failure)}`)),
      });
    },
  });
  if (!config) return null;
  const shown = turn.isPending ? turn.variables : config.on;
  const word = shown ? 'On' : 'Off';
  const change = () => {
    if (refused !== undefined) return;
    if (environment.critical) setAsked({ opened: true, to: !config.on });
    else turn.mutate(!config.on);
  };
  return (
    <>
      <Tooltip label={refused} disabled={refused === undefined} multiline maw={320} events={{ hover: true, focus: true, touch: true }}>
        <Switch
          checked={shown} label={<span aria-hidden>{named ? `${word} in ${environment.name}` : word}</span>} aria-label={`${flag.name} in ${environment.name}`}
          disabled={turn.isPending} aria-disabled={refused === undefined ? undefined : true} onChange={change}
        />
      </Tooltip>
      {turn.error && !asked.opened && config.on !== turn.variables && <p className={classes.refused} role="alert">{flag.name} stays {onOff(config.on)}. {sentence(turn.error.message)}</p>}
      <TurnDialog
        place={place} flag={flag} environment={environment} to={asked.to} opened={asked.opened} onClose={close}
        onConfirm={() => turn.mutate(asked.to)} busy={turn.isPending} error={turn.error}
      />
    </>
  );
}

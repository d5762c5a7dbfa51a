import { useQuery } from '@tanstack/react-query';

import { ConfirmDialog } from '@/components/ConfirmDialog';
import { evaluationsOf } from '@/features/flags/api/buckets';
import { evaluationsQuery } from '@/features/flags/api/evaluations';
import type { Flag } from '@/features/flags/api/flags';
import { latestChangeQuery, whoOf } from '@/features/flags/api/latestChange';
import { onOff, servesOf } from '@/features/flags/components/flagWords';
import { counted } from '@/lib/number';
import type { Place } from '@/lib/place';

interface TurnDialogProps {
  place: Place;
  flag: Flag;
  environment: { name: string };
  /** What it is to be afterwards. */
  to: boolean;
  opened: boolean;
  onClose: () => void;
  onConfirm: () => void;
  busy: boolean;
  error: Error | null;
}

/** Asks before a flag is switched, with how often it is evaluated. When somebody else does it first, it says so instead. */
export function TurnDialog({ place, flag, environment, to, opened, onClose, onConfirm, busy, error }: TurnDialogProps) {
  const at = { ...place, flag: flag.key };
  const config = flag.environments?.[place.environment];
  const overtaken = opened && !busy && config?.on === to;
  const { data: evaluations } = useQuery({ ...evaluationsQuery(at, '24h'), enabled: opened });
  const { data: change } = useQuery({ ...latestChangeQuery(at, [onOff(to), String(config?.lastModified)]), enabled: overtaken });
  if (!config) return null;
  const turned = change?.accesses.some(({ action }) => action === 'updateOn') ? change : undefined;
  return (
    <ConfirmDialog
      opened={opened} onClose={onClose} title={`Turn ${onOff(to)} ${flag.name} in ${environment.name}?`} confirm={overtaken ? undefined : `Turn ${onOff(to)}`}
      onConfirm={onConfirm} busy={busy} error={error}
    >
      {overtaken
        ? <p role="status">{turned ? `${whoOf(turned)} turned it ${onOff(to)} meanwhile.` : `It was turned ${onOff(to)} meanwhile.`} SDKs serve {servesOf(flag, config)}.</p>
        : <p>{evaluations && `${counted(evaluationsOf(evaluations), 'evaluation')} in the last 24 h. `}SDKs will serve {servesOf(flag, { ...config, on: to })}.</p>}
    </ConfirmDialog>
  );
}

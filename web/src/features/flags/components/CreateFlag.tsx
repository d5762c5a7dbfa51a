import { Modal } from '@mantine/core';

import { NewFlagForm } from '@/features/flags/components/NewFlagForm';
import type { Place } from '@/lib/place';

interface CreateFlagProps {
  place: Place;
  /** The name of the environment. */
  environment: string;
  /** The key of the segment whose members the flag is to serve. */
  use: string | undefined;
  opened: boolean;
  onClose: () => void;
}

/** Makes a flag, for the members of a segment if one is named. */
export function CreateFlag({ place, environment, use, opened, onClose }: CreateFlagProps) {
  return (
    <Modal opened={opened} onClose={onClose} title="Create a flag" size={640} radius={12} closeButtonProps={{ 'aria-label': 'Close' }}>
      <NewFlagForm place={place} environment={environment} use={use} onCancel={onClose} />
    </Modal>
  );
}

import { Modal } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';

import classes from '@/app/shell/SessionOver.module.css';
import { SignInForms } from '@/features/session/components/SignInForms';
import { onSessionOver } from '@/lib/api/client';

/** Asks people to sign in again, over the page, which keeps what they typed. */
export function SessionOver() {
  const [over, setOver] = useState(false);
  const client = useQueryClient();
  useEffect(() => onSessionOver(() => setOver(true)), []);
  return (
    <Modal opened={over} onClose={() => undefined} title="Sign in again" size={440} withCloseButton={false} closeOnEscape={false} closeOnClickOutside={false}>
      <p className={classes.text}>Your session is over. What you typed on this page is kept.</p>
      <SignInForms
        onSignedIn={() => {
          setOver(false);
          void client.invalidateQueries();
        }}
      />
    </Modal>
  );
}

import { Select } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { ActionButton } from '@/components/ActionButton';
import { ConfirmDialog } from '@/components/ConfirmDialog';
import { resetToken, tokenQuery, type Token } from '@/features/access/api/tokens';
import classes from '@/features/access/components/Access.module.css';
import { useTokenRefusal } from '@/features/access/components/tokenRefusal';
import { TokenSecret } from '@/features/access/components/TokenSecret';
import { graces } from '@/features/access/components/tokenWords';

/** Gives a token a new secret; the one before can go on for a while. */
export function ResetToken({ token }: { token: Token }) {
  const client = useQueryClient();
  const [asking, ask] = useState(false);
  const [grace, setGrace] = useState<(typeof graces)[number]['value']>('none');
  const refused = useTokenRefusal('resetAccessToken', token);
  const chosen = graces.find(({ value }) => value === grace);
  const reset = useMutation({
    mutationFn: () => resetToken(token._id, chosen?.ms ?? 0),
    onSuccess: () => {
      ask(false);
      void client.invalidateQueries({ queryKey: ['tokens', 'list'] });
      void client.invalidateQueries({ queryKey: tokenQuery(token._id).queryKey });
    },
  });
  return (
    <section aria-label="Secret">
      <h3>Secret</h3>
      {reset.data && <TokenSecret secret={reset.data.token} />}
      <div><ActionButton variant="default" refused={refused} onClick={() => ask(true)}>Reset…</ActionButton></div>
      <ConfirmDialog
        opened={asking} onClose={() => ask(false)} title={`Reset ${token.name ?? `the token …${token.token}`}?`} confirm="Reset token" danger onConfirm={() => reset.mutate()}
        busy={reset.isPending} error={reset.error}
      >
        <div className={classes.fields}>
          <p>It gets a new secret, which is shown once. Whoever sends the secret of now is refused when that stops working.</p>
          <Select
            label="The secret of now still works" data={graces.map(({ value, label }) => ({ value, label }))} value={grace} onChange={(value) => value && setGrace(value)} allowDeselect={false}
          />
        </div>
      </ConfirmDialog>
    </section>
  );
}

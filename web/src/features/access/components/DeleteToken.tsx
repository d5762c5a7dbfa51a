import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { ActionButton } from '@/components/ActionButton';
import { ConfirmDialog } from '@/components/ConfirmDialog';
import { Freshness } from '@/components/Freshness';
import { deleteToken, type Token } from '@/features/access/api/tokens';
import { useTokenRefusal } from '@/features/access/components/tokenRefusal';
import { toast } from '@/lib/toast';

/** Ends a token. */
export function DeleteToken({ token, onGone }: { token: Token; onGone: () => void }) {
  const client = useQueryClient();
  const [asking, ask] = useState(false);
  const refused = useTokenRefusal('deleteAccessToken', token);
  const name = token.name ?? `the token …${token.token}`;
  const remove = useMutation({
    mutationFn: () => deleteToken(token._id),
    onSuccess: () => {
      onGone();
      toast(`Deleted ${name}.`);
      void client.invalidateQueries({ queryKey: ['tokens', 'list'] });
    },
  });
  return (
    <section aria-label="Delete">
      <h3>Delete</h3>
      <div><ActionButton variant="default" refused={refused} onClick={() => ask(true)}>Delete token…</ActionButton></div>
      <ConfirmDialog
        opened={asking} onClose={() => ask(false)} title={`Delete ${name}?`} confirm="Delete token" danger onConfirm={() => remove.mutate()} busy={remove.isPending} error={remove.error}
      >
        <p>
          {token.lastUsed === undefined ? 'Nobody has used it.' : <>It was used <Freshness at={token.lastUsed} /> ago.</>} Whoever sends it is refused from the next request on, and sessions that began with it end.
        </p>
      </ConfirmDialog>
    </section>
  );
}

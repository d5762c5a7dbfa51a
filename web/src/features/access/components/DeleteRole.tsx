import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { ActionButton } from '@/components/ActionButton';
import { ConfirmDialog } from '@/components/ConfirmDialog';
import { deleteRole, type Role } from '@/features/access/api/roles';
import { useRefused } from '@/lib/api/permission';
import { toast } from '@/lib/toast';

/** Ends a role that nobody has; the server says who does. */
export function DeleteRole({ role }: { role: Role }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [asking, ask] = useState(false);
  const refused = useRefused('deleteRole', `role/${role.key}`, 'this role');
  const remove = useMutation({
    mutationFn: () => deleteRole(role.key),
    onSuccess: async () => {
      await navigate({ to: '/access/roles' });
      void client.invalidateQueries({ queryKey: ['roles'] });
      toast(`Deleted ${role.name}.`);
    },
  });
  return (
    <>
      <ActionButton variant="default" refused={refused} onClick={() => ask(true)}>Delete role…</ActionButton>
      <ConfirmDialog
        opened={asking} onClose={() => ask(false)} title={`Delete ${role.name}?`} confirm="Delete role" danger typed={role.key} onConfirm={() => remove.mutate()} busy={remove.isPending} error={remove.error}
      >
        <p>A role that somebody has cannot be deleted: take it from them first.</p>
      </ConfirmDialog>
    </>
  );
}

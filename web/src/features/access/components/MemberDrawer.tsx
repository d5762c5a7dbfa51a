import { Drawer } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { ActionButton } from '@/components/ActionButton';
import { ConfirmDialog } from '@/components/ConfirmDialog';
import { ErrorState } from '@/components/ErrorState';
import { Fact, Facts } from '@/components/Facts';
import { Freshness } from '@/components/Freshness';
import { Note } from '@/components/Note';
import { builtInWords } from '@/features/access/api/grant';
import { memberQuery, nameOf, removeMember, type Member } from '@/features/access/api/members';
import classes from '@/features/access/components/Access.module.css';
import { MemberPassword } from '@/features/access/components/MemberPassword';
import { MemberRole } from '@/features/access/components/MemberRole';
import { useRefused } from '@/lib/api/permission';
import { toast } from '@/lib/toast';

interface MemberDrawerProps {
  /** Whose drawer is open; undefined: it is closed. */
  id: string | undefined;
  onClose: () => void;
}

/** One account member: the role, the password, the end. */
export function MemberDrawer({ id, onClose }: MemberDrawerProps) {
  const { data: member, error, refetch } = useQuery({ ...memberQuery(id ?? ''), enabled: id !== undefined });
  const shown = member?._id === id ? member : undefined;
  return (
    <Drawer opened={id !== undefined} onClose={onClose} position="right" size={480} closeButtonProps={{ 'aria-label': 'Close' }} title={shown ? nameOf(shown) : 'Account member'}>
      {error && !shown && <ErrorState title="The member could not be loaded." error={error} onRetry={() => void refetch()} />}
      {shown && <Details key={shown._id} member={shown} onGone={onClose} />}
    </Drawer>
  );
}

function Details({ member, onGone }: { member: Member; onGone: () => void }) {
  const owner = member.role === 'owner';
  return (
    <div className={classes.drawer}>
      <Facts>
        <Fact label="Email">{member.email}</Fact>
        <Fact label="Last seen"><Freshness at={member._lastSeen} /></Fact>
        <Fact label="Added"><Freshness at={member.creationDate} /></Fact>
      </Facts>
      {owner
        ? <Note tone="info"><b>{builtInWords.owner.name}.</b> {builtInWords.owner.may} Nobody changes or removes the owner.</Note>
        : (
            <>
              <MemberRole member={member} />
              <MemberPassword member={member} />
              <Removal member={member} onGone={onGone} />
            </>
          )}
    </div>
  );
}

function Removal({ member, onGone }: { member: Member; onGone: () => void }) {
  const client = useQueryClient();
  const [asking, ask] = useState(false);
  const refused = useRefused('deleteMember', `member/${member._id}`, 'this member');
  const remove = useMutation({
    mutationFn: () => removeMember(member._id),
    onSuccess: () => {
      onGone();
      toast(`Removed ${nameOf(member)}.`);
      void client.invalidateQueries({ queryKey: ['members', 'list'] });
      void client.invalidateQueries({ queryKey: ['tokens', 'list'] });
    },
  });
  return (
    <section aria-label="Remove">
      <h3>Remove</h3>
      <div><ActionButton variant="default" refused={refused} onClick={() => ask(true)}>Remove member…</ActionButton></div>
      <ConfirmDialog
        opened={asking} onClose={() => ask(false)} title={`Remove ${nameOf(member)}?`} confirm="Remove member" danger onConfirm={() => remove.mutate()} busy={remove.isPending} error={remove.error}
      >
        <p>Their sessions and personal tokens stop working at once. Service tokens that they made go on. The audit log keeps what they did.</p>
      </ConfirmDialog>
    </section>
  );
}

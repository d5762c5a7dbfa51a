import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { Note } from '@/components/Note';
import { builtIn, grantProblem, type BuiltInRole, type Grant } from '@/features/access/api/grant';
import { changeMember, memberQuery, nameOf, type Member } from '@/features/access/api/members';
import classes from '@/features/access/components/Access.module.css';
import { GrantFields } from '@/features/access/components/GrantFields';
import { useRefused } from '@/lib/api/permission';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

function grantOf(member: Member): Grant {
  const grant = builtIn(member.role as BuiltInRole);
  return member.customRoles.length > 0 ? { ...grant, kind: 'custom', customRoles: member.customRoles } : grant;
}

/** Changes what an account member may do. */
export function MemberRole({ member }: { member: Member }) {
  const client = useQueryClient();
  const [grant, setGrant] = useState(() => grantOf(member));
  const refused = useRefused('updateRole', `member/${member._id}`, 'this member');
  const wrong = grantProblem(grant, undefined);
  const same = JSON.stringify(grant) === JSON.stringify(grantOf(member));
  const save = useMutation({
    mutationFn: () => changeMember(member._id, grant),
    onSuccess: (saved) => {
      client.setQueryData(memberQuery(member._id).queryKey, saved);
      setGrant(grantOf(saved));
      toast(`Changed the role of ${nameOf(member)}. It counts from the next request on.`);
      void client.invalidateQueries({ queryKey: ['members', 'list'] });
    },
  });
  return (
    <section aria-label="Role">
      <form
        className={classes.fields}
        onSubmit={(event) => {
          event.preventDefault();
          if (!same && !wrong && !refused) save.mutate();
        }}
      >
        <GrantFields of="member" grant={grant} onChange={setGrant} error={!same && wrong} />
        {save.error && <Note tone="bad" role="alert">{sentence(save.error.message)}</Note>}
        {refused ? <p>{refused}</p> : !same && (
          <div className={classes.actions}>
            <Button type="submit" loading={save.isPending}>Save</Button>
            <Button variant="default" onClick={() => setGrant(grantOf(member))}>Discard</Button>
          </div>
        )}
      </form>
    </section>
  );
}

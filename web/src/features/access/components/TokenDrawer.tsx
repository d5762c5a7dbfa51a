import { Drawer } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { ErrorState } from '@/components/ErrorState';
import { Fact, Facts } from '@/components/Facts';
import { Freshness } from '@/components/Freshness';
import { grantWords } from '@/features/access/api/grant';
import { useRoleNames } from '@/features/access/api/roles';
import { tokenQuery, type Token } from '@/features/access/api/tokens';
import classes from '@/features/access/components/Access.module.css';
import { DeleteToken } from '@/features/access/components/DeleteToken';
import { PolicyWords } from '@/features/access/components/PolicyWords';
import { RenameToken } from '@/features/access/components/RenameToken';
import { ResetToken } from '@/features/access/components/ResetToken';
import { expiryWords, ownerWords } from '@/features/access/components/tokenWords';
import { exactTime } from '@/lib/time';

interface TokenDrawerProps {
  /** The token that is open; undefined: the drawer is closed. */
  id: string | undefined;
  onClose: () => void;
}

/** One access token: what it may do, a new secret, the end. */
export function TokenDrawer({ id, onClose }: TokenDrawerProps) {
  const { data: token, error, refetch } = useQuery({ ...tokenQuery(id ?? ''), enabled: id !== undefined });
  const shown = token?._id === id ? token : undefined;
  return (
    <Drawer
      opened={id !== undefined} onClose={onClose} position="right" size={480} closeButtonProps={{ 'aria-label': 'Close' }}
      title={<span className={classes.wrap}>{shown?.name ?? 'Access token'}</span>}
    >
      {error && !shown && <ErrorState title="The token could not be loaded. It works as before." error={error} onRetry={() => void refetch()} />}
      {shown && <Details key={shown._id} token={shown} onGone={onClose} />}
    </Drawer>
  );
}

function Details({ token, onGone }: { token: Token; onGone: () => void }) {
  const roleName = useRoleNames();
  return (
    <div className={classes.drawer}>
      <Facts>
        <Fact label="Ends with">{`…${token.token}`}</Fact>
        <Fact label="Owner">{ownerWords(token)}</Fact>
        <Fact label="Role">{grantWords({ role: token.role, customRoles: token.customRoleIds, policy: token.inlineRole }, roleName)}</Fact>
        <Fact label="Last used"><Freshness at={token.lastUsed} /></Fact>
        <Fact label="Expires">{token.expiry === undefined ? 'never' : `${expiryWords(token.expiry)}, ${exactTime(token.expiry)}`}</Fact>
        <Fact label="Created">{exactTime(token.creationDate)}</Fact>
        <Fact label="What it did"><Link to="/audit" search={{ actor: token._id }}>In the audit log</Link></Fact>
      </Facts>
      {token.inlineRole && <section aria-label="Policy"><h3>Policy</h3><PolicyWords statements={token.inlineRole} base="no_access" /></section>}
      <RenameToken token={token} />
      <ResetToken token={token} />
      <DeleteToken token={token} onGone={onGone} />
    </div>
  );
}

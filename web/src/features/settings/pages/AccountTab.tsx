import { useQuery } from '@tanstack/react-query';

import { Columns } from '@/components/Columns';
import { ErrorState } from '@/components/ErrorState';
import { Fact, Facts } from '@/components/Facts';
import { Panel } from '@/components/Panel';
import { accountQuery, type Session } from '@/features/settings/api/account';
import { OwnPanel } from '@/features/settings/components/OwnPanel';
import { PasswordPanel } from '@/features/settings/components/PasswordPanel';
import { PreferencesPanel } from '@/features/settings/components/PreferencesPanel';
import { SessionsPanel } from '@/features/settings/components/SessionsPanel';
import classes from '@/features/settings/components/Settings.module.css';

/** Who is signed in, and what they like. */
export function AccountTab() {
  const { data: session, error, refetch } = useQuery(accountQuery);
  if (error && !session) {
    return <Panel><ErrorState title="Your account could not be loaded." error={error} onRetry={() => void refetch()} /></Panel>;
  }
  if (!session) return null;
  const { member } = session;
  const service = session.token?.serviceToken === true;
  return (
    <Columns aside={<><SignedIn session={session} /><SessionsPanel session={session} /></>}>
      {member && !service && <OwnPanel key={member._id} member={member} />}
      {member && !service && <PasswordPanel />}
      {(!member || service) && (
        <Panel title="Your account"><p className={classes.text}>You are signed in with a service token, which is nobody’s: it has a name and rights, but no password. Sign in as an account member to change yours.</p></Panel>
      )}
      <PreferencesPanel />
    </Columns>
  );
}

const roles: Record<Session['role'], string> = {
  owner: 'Owner', admin: 'Admin', writer: 'Writer', reader: 'Reader', no_access: 'No access', custom: 'Custom roles',
};

function SignedIn({ session }: { session: Session }) {
  return (
    <Panel title="Signed in">
      <Facts>
        <Fact label="With">{session.token ? `The token “${session.token.name ?? session.token._id}”` : 'Email and password'}</Fact>
        <Fact label="Role">{roles[session.role]}</Fact>
        {session.member && <Fact label="Account">{session.member.email}</Fact>}
      </Facts>
    </Panel>
  );
}

import { useQuery, useQueryClient } from '@tanstack/react-query';

import { ActionButton } from '@/components/ActionButton';
import { CodeBlock, masked } from '@/components/CodeBlock';
import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import { keyUsersQuery, type Environment } from '@/features/settings/api/environments';
import type { KeysSearch } from '@/features/settings/api/search';
import { EndFormerKeys, RotateMobileKey, RotateSDKKey } from '@/features/settings/components/RotateDialogs';
import classes from '@/features/settings/components/Settings.module.css';
import { useRefusedHere } from '@/lib/api/permission';
import { useLive } from '@/lib/live/useLive';
import { counted } from '@/lib/number';
import type { Place } from '@/lib/place';
import { exactTime } from '@/lib/time';
import { useNow } from '@/lib/useNow';

interface KeysPanelProps {
  place: Place;
  environment: Environment;
  dialog: KeysSearch['dialog'];
  onDialog: (dialog: KeysSearch['dialog']) => void;
}

/** The keys by which SDKs are known, and how each gets another. */
export function KeysPanel({ place, environment, dialog, onDialog }: KeysPanelProps) {
  const client = useQueryClient();
  const now = useNow();
  const { data: users } = useQuery(keyUsersQuery(place));
  const refused = { sdk: useRefusedHere(place, 'updateApiKey'), mobile: useRefusedHere(place, 'updateMobileKey') };
  useLive('follower', () => void client.invalidateQueries({ queryKey: keyUsersQuery(place).queryKey }));
  const former = environment._muster.formerSdkKeys.filter((key) => key.expiresAt > now);
  const close = () => onDialog(undefined);
  return (
    <Panel title={`Keys of ${environment.name}`}>
      <div className={classes.rows}>
        <Secret label="SDK key" copyLabel="Copy SDK key" value={environment.apiKey} />
        <div className={classes.row}>
          <ActionButton variant="default" refused={refused.sdk} onClick={() => onDialog('rotate-sdk')}>Rotate SDK key…</ActionButton>
          <span className={classes.hint}>
            For servers. {users !== undefined && (users === 0 ? 'Nothing that needs it is connected now.' : `${counted(users, 'SDK uses it now', 'SDKs use it now')}.`)}
          </span>
        </div>
        {former.length > 0 && (
          <Note
            tone="info"
            action={<ActionButton variant="default" size="compact-sm" refused={refused.sdk} onClick={() => onDialog('end-former')}>{former.length === 1 ? 'End it now…' : 'End them now…'}</ActionButton>}
          >
            {former.map((key) => (
              <p key={key.apiKey}>The old SDK key <code>{masked(key.apiKey)}</code> works until {exactTime(key.expiresAt)}.</p>
            ))}
          </Note>
        )}
        <Secret label="Mobile key" copyLabel="Copy mobile key" value={environment.mobileKey} />
        <div className={classes.row}>
          <ActionButton variant="default" refused={refused.mobile} onClick={() => onDialog('rotate-mobile')}>Rotate mobile key…</ActionButton>
          <span className={classes.hint}>For apps. Another one ends this one at once.</span>
        </div>
        <CodeBlock label="Client-side ID" code={environment._id} copyLabel="Copy client-side ID" />
        <p className={classes.hint}>For browsers, and for tools that push. It is no secret and never changes.</p>
      </div>
      <RotateSDKKey place={place} environment={environment} users={users} opened={dialog === 'rotate-sdk'} onClose={close} />
      <EndFormerKeys place={place} environment={environment} count={former.length} opened={dialog === 'end-former' && former.length > 0} onClose={close} />
      <RotateMobileKey place={place} environment={environment} opened={dialog === 'rotate-mobile'} onClose={close} />
    </Panel>
  );
}

/** A key, masked until somebody wants to see it. Who may not gets only its end. */
function Secret({ label, copyLabel, value }: { label: string; copyLabel: string; value: string }) {
  if (!value.startsWith('*')) return <CodeBlock label={label} code={value} secret={value} copyLabel={copyLabel} />;
  return (
    <div>
      <p>{label} <code>…{value.replaceAll('*', '')}</code></p>
      <p className={classes.hint}>Needs viewSdkKey on this environment to be seen whole. Ask an admin.</p>
    </div>
  );
}

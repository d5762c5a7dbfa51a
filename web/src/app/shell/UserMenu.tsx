import { Menu, UnstyledButton } from '@mantine/core';
import { IconKeyboard, IconKeyboardOff, IconLogout, IconUser } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';

import classes from '@/app/shell/UserMenu.module.css';
import { sessionQuery, signOut, type Session } from '@/features/session/api/session';
import { useSingleKeys } from '@/lib/singleKeys';

/** Who is signed in, what they like, and the way out. */
export function UserMenu({ onList }: { onList: () => void }) {
  const [singleKeys, setSingleKeys] = useSingleKeys();
  const client = useQueryClient();
  const navigate = useNavigate();
  const { data: session } = useQuery(sessionQuery);
  const leave = useMutation({
    mutationFn: () => signOut(client),
    onSuccess: () => navigate({ to: '/sign-in' }),
  });
  if (!session) return null;
  const name = nameOf(session);
  return (
    <Menu position="bottom-end" width={240} withinPortal={false}>
      <Menu.Target>
        <UnstyledButton className={classes.initials} aria-label={`Signed in as ${name}`}>
          {initialsOf(name)}
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{name}</Menu.Label>
        <Menu.Item leftSection={<IconUser size={16} aria-hidden />} renderRoot={(root) => <Link {...root} to="/settings/account" />}>Your account</Menu.Item>
        <Menu.Item leftSection={<IconKeyboard size={16} aria-hidden />} onClick={onList}>Keyboard shortcuts</Menu.Item>
        <Menu.Item leftSection={singleKeys ? <IconKeyboardOff size={16} aria-hidden /> : <IconKeyboard size={16} aria-hidden />} onClick={() => setSingleKeys(!singleKeys)}>
          {singleKeys ? 'Turn single keys off' : 'Turn single keys on'}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={() => leave.mutate()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function nameOf({ member, token }: Session): string {
  if (!member) return token?.name ?? 'service token';
  return [member.firstName, member.lastName].filter(Boolean).join(' ') || member.email;
}

function initialsOf(name: string): string {
  const words = name.split(/[\s@._-]+/).filter(Boolean);
  return words.slice(0, 2).map((word) => word.charAt(0).toUpperCase()).join('');
}

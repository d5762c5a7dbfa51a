import { ActionIcon, Drawer, Kbd, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconMenu2, IconSearch } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';

import { Navigation } from '@/app/shell/Navigation';
import { PlaceSwitch } from '@/app/shell/PlaceSwitch';
import { ThemeSwitch } from '@/app/shell/ThemeSwitch';
import classes from '@/app/shell/TopBar.module.css';
import { UserMenu } from '@/app/shell/UserMenu';
import { Mark } from '@/components/Mark';
import type { Place } from '@/lib/place';

interface TopBarProps {
  place: Place | undefined;
  onSearch: () => void;
  /** Opens the list of keys. */
  onList: () => void;
}

/** The bar on top of every page. */
export function TopBar({ place, onSearch, onList }: TopBarProps) {
  const [open, drawer] = useDisclosure(false);
  return (
    <header className={classes.bar}>
      <ActionIcon className={classes.burger} variant="subtle" color="gray" size={36} aria-label="Open navigation" onClick={drawer.open}>
        <IconMenu2 size={18} aria-hidden />
      </ActionIcon>
      <Drawer opened={open} onClose={drawer.close} size={264} title="muster" closeButtonProps={{ 'aria-label': 'Close' }}>
        <Navigation place={place} onNavigate={drawer.close} />
      </Drawer>
      <Link to="/" className={classes.brand} aria-label="muster home">
        <Mark size={22} />
        <span>muster</span>
      </Link>
      {place && <PlaceSwitch place={place} />}
      <div className={classes.space} />
      <UnstyledButton className={classes.search} aria-label="Search or jump to" onClick={onSearch}>
        <IconSearch size={16} aria-hidden />
        <span className={classes.words}>Search or jump to…</span>
        <Kbd className={classes.key} size="xs" aria-hidden>Ctrl K</Kbd>
      </UnstyledButton>
      <ThemeSwitch />
      <UserMenu onList={onList} />
    </header>
  );
}

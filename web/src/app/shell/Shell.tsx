import { useDisclosure } from '@mantine/hooks';
import { Outlet } from '@tanstack/react-router';
import { useEffect } from 'react';

import { useLiveStream } from '@/app/live';
import { useCurrentPlace, rememberPlace } from '@/app/place';
import { CommandPalette } from '@/app/shell/CommandPalette';
import { Navigation } from '@/app/shell/Navigation';
import { ServerGone } from '@/app/shell/ServerGone';
import { SessionOver } from '@/app/shell/SessionOver';
import classes from '@/app/shell/Shell.module.css';
import { ShortcutList } from '@/app/shell/ShortcutList';
import { useShortcuts } from '@/app/shell/shortcuts';
import { TopBar } from '@/app/shell/TopBar';

/** The frame of every page: bar on top, navigation at the left. */
export function Shell() {
  const place = useCurrentPlace();
  const [palette, paletteIs] = useDisclosure(false);
  const [list, listIs] = useDisclosure(false);
  useLiveStream(place);
  useShortcuts(place, { palette: paletteIs.open, list: listIs.open });
  useEffect(() => {
    if (place) rememberPlace(place);
  }, [place]);
  return (
    <div className={classes.shell}>
      <a className={classes.skip} href="#content">Skip to content</a>
      <TopBar place={place} onSearch={paletteIs.open} onList={listIs.open} />
      <ServerGone />
      <div className={classes.side}>
        <Navigation place={place} />
      </div>
      <main id="content" className={classes.main} tabIndex={-1}>
        <div className={classes.content}>
          <Outlet />
        </div>
      </main>
      <CommandPalette place={place} opened={palette} onClose={paletteIs.close} onList={listIs.open} />
      <ShortcutList opened={list} onClose={listIs.close} />
      <SessionOver />
    </div>
  );
}

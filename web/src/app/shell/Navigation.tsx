import { Link, useLocation } from '@tanstack/react-router';
import { Fragment } from 'react';
import type { Icon } from '@tabler/icons-react';

import { Connection } from '@/app/shell/Connection';
import { EnvironmentCount } from '@/app/shell/EnvironmentCount';
import classes from '@/app/shell/Navigation.module.css';
import { accountPages, environmentPages, settingsPage } from '@/app/shell/pages';
import type { Place } from '@/lib/place';

interface NavigationProps {
  place: Place | undefined;
  /** Called when a link was followed, which closes the drawer. */
  onNavigate?: () => void;
}

/** The nine links to everything. */
export function Navigation({ place, onNavigate }: NavigationProps) {
  // What is set of the account is no part of an environment, and has the same link.
  const settings = useLocation({ select: (location) => location.pathname.startsWith('/settings') });
  return (
    <nav className={classes.side} aria-label="Main">
      <div className={classes.links}>
        {place && environmentPages.map((page) => (
          <Link key={page.word} to={page.to} params={place} className={classes.link} title={page.word} onClick={onNavigate}>
            <Entry icon={page.icon} word={page.word} />
            <EnvironmentCount place={place} of={page.word} />
          </Link>
        ))}
        <hr className={classes.rule} />
        {accountPages.map((page) => (
          <Link key={page.word} to={page.to} className={classes.link} title={page.word} onClick={onNavigate}>
            <Entry icon={page.icon} word={page.word} />
          </Link>
        ))}
        {place && (
          <Link to={settingsPage.to} params={place} className={classes.link} title={settingsPage.word} aria-current={settings ? 'page' : undefined} onClick={onNavigate}>
            <Entry icon={settingsPage.icon} word={settingsPage.word} />
          </Link>
        )}
      </div>
      {place && <Connection place={place} />}
    </nav>
  );
}

function Entry({ icon: Mark, word }: { icon: Icon; word: string }) {
  return (
    <Fragment>
      <Mark size={17} stroke={1.75} aria-hidden />
      <span className={classes.word}>{word}</span>
    </Fragment>
  );
}

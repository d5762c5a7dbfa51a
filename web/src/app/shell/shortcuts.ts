import { useRouter } from '@tanstack/react-router';
import { useEffect, useEffectEvent } from 'react';

import { accountPages, environmentPages, settingsPage } from '@/app/shell/pages';
import type { Place } from '@/lib/place';
import { singleKeys } from '@/lib/singleKeys';

/** Every key there is, as the list of them shows it. */
export const shortcutGroups = [
  {
    title: 'Everywhere',
    keys: [
      { keys: ['Ctrl', 'K'], does: 'Search or jump to…' },
      { keys: ['/'], does: 'Search or jump to…' },
      { keys: ['?'], does: 'This list' },
      { keys: ['Esc'], does: 'Close what is on top' },
    ],
  },
  {
    title: 'On a page',
    keys: [
      { keys: ['1', '…', '6'], does: 'The tabs' },
      { keys: ['j'], does: 'Next row' },
      { keys: ['k'], does: 'Row before' },
      { keys: ['Enter'], does: 'Open the row' },
      { keys: ['Ctrl', 'S'], does: 'Save' },
    ],
  },
  {
    title: 'Go to',
    keys: [...environmentPages, ...accountPages, settingsPage].map((page) => ({ keys: ['g', page.key], does: page.word })),
  },
];

/** How long "g" waits for the key that says where to. */
const chordTime = 1500;

interface Overlays {
  palette: () => void;
  list: () => void;
}

/** Listens to the keys that work on every page. */
export function useShortcuts(place: Place | undefined, open: Overlays) {
  const router = useRouter();
  const go = (key: string) => {
    const account = accountPages.find((one) => one.key === key);
    const page = [...environmentPages, settingsPage].find((one) => one.key === key);
    if (account) void router.navigate({ to: account.to });
    else if (page && place) void router.navigate({ to: page.to, params: place });
    else return false;
    return true;
  };
  const press = useEffectEvent((event: KeyboardEvent, chord: boolean): boolean => {
    switch (event.key) {
      case '/': open.palette(); return true;
      case '?': open.list(); return true;
      case 'j': return moveRow(1);
      case 'k': return moveRow(-1);
      default:
        if (chord) return go(event.key);
        return /^[1-6]$/.test(event.key) && openTab(Number(event.key));
    }
  });
  const openPalette = useEffectEvent(open.palette);
  useEffect(() => {
    let chordUntil = 0;
    const hear = (event: KeyboardEvent) => {
      if (event.defaultPrevented) return;
      if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        openPalette();
        return;
      }
      if (!singleKeys() || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector('[role="dialog"], [role="menu"]')) return;
      // By when keys were pressed: a busy page hears of them later.
      const chord = event.timeStamp < chordUntil;
      chordUntil = event.key === 'g' && !chord ? event.timeStamp + chordTime : 0;
      if (press(event, chord)) event.preventDefault();
    };
    document.addEventListener('keydown', hear);
    return () => document.removeEventListener('keydown', hear);
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

function openTab(number: number): boolean {
  const tab = document.querySelectorAll<HTMLAnchorElement>('[data-tabs] a').item(number - 1) as HTMLAnchorElement | null;
  tab?.click();
  return tab !== null;
}

/** Moves the focus to the link of the next row of a table, or of the one before. */
function moveRow(step: number): boolean {
  const links = [...document.querySelectorAll<HTMLAnchorElement>('main th[scope="row"] a[href]')];
  const at = links.indexOf(document.activeElement as HTMLAnchorElement);
  const next = at < 0 ? links[0] : links[at + step];
  next?.focus();
  return next !== undefined;
}

import { useMantineColorScheme, useComputedColorScheme } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';

import { accountPages, environmentPages, settingsPage } from '@/app/shell/pages';
import { foundQuery, matching, recentEntries, type Entry } from '@/app/shell/palette';
import type { Place } from '@/lib/place';

/** What the palette offers for some words: recent, then what the server finds, pages, actions. */
export function usePaletteEntries(place: Place | undefined, words: string, list: () => void): Entry[] {
  const router = useRouter();
  const { setColorScheme } = useMantineColorScheme();
  const other = useComputedColorScheme('light', { getInitialValueInEffect: false }) === 'dark' ? 'light' : 'dark';
  const { data: found } = useQuery({
    ...foundQuery(place ?? { project: '', environment: '' }, words), enabled: place !== undefined && words !== '', placeholderData: keepPreviousData,
  });

  const pages: Entry[] = accountPages.map((page) => ({ id: page.to, label: page.word, kind: 'Page', href: router.buildLocation({ to: page.to }).publicHref }));
  const actions: Entry[] = [
    { id: 'theme', label: `Switch to ${other} theme`, kind: 'Action', run: () => setColorScheme(other) },
    { id: 'keys', label: 'Keyboard shortcuts', kind: 'Action', run: list },
  ];
  if (place) {
    pages.unshift(...[...environmentPages, settingsPage].map((page) => ({ id: page.to, label: page.word, kind: 'Page', href: router.buildLocation({ to: page.to, params: place }).publicHref })));
    const segments = '/projects/$project/environments/$environment/segments';
    actions.unshift(
      { id: 'create', label: 'Create segment', kind: 'Action', href: router.buildLocation({ to: `${segments}/new`, params: place }).publicHref },
      {
        id: 'create-flag', label: 'Create flag', kind: 'Action',
        href: router.buildLocation({ to: '/projects/$project/environments/$environment/flags', params: place, search: { create: true } }).publicHref,
      },
      { id: 'upload', label: 'Upload a list', kind: 'Action', href: router.buildLocation({ to: `${segments}/upload`, params: place }).publicHref },
    );
  }
  if (words === '') return [...recentEntries().map((entry) => ({ ...entry, id: `recent-${entry.id}` })), ...pages, ...actions];

  const objects = (place && found ? found.items : []).map((item): Entry => ({
    id: `${item.kind}-${item.key}`, label: item.name, kind: item.kind === 'flag' ? 'Flag' : 'Segment', href: item._site.href,
  }));
  const lookUp: Entry[] = place
    ? [{
        id: 'look-up', label: `Look up context “${words}”`, kind: 'Contexts',
        href: `${router.buildLocation({ to: '/projects/$project/environments/$environment/contexts', params: place }).publicHref}?key=${encodeURIComponent(JSON.stringify(words))}`,
      }]
    : [];
  return [...objects, ...matching(pages, words), ...matching(actions, words), ...lookUp];
}

import {
  IconAdjustmentsHorizontal, IconChartPie, IconFlag, IconKey, IconListDetails, IconLogin2, IconLogout, IconRefresh, IconUser, type Icon,
} from '@tabler/icons-react';

/** The pages of an environment that navigation leads to, in its order; key is what follows "g". */
export const environmentPages = [
  { word: 'Flags', to: '/projects/$project/environments/$environment/flags', icon: IconFlag, key: 'f' },
  { word: 'Segments', to: '/projects/$project/environments/$environment/segments', icon: IconChartPie, key: 's' },
  { word: 'Syncs', to: '/projects/$project/environments/$environment/syncs', icon: IconRefresh, key: 'y' },
  { word: 'Sources', to: '/projects/$project/environments/$environment/sources', icon: IconLogin2, key: 'o' },
  { word: 'Destinations', to: '/projects/$project/environments/$environment/destinations', icon: IconLogout, key: 'd' },
  { word: 'Contexts', to: '/projects/$project/environments/$environment/contexts', icon: IconUser, key: 'c' },
] as const satisfies readonly PageEntry[];

export const settingsPage = {
  word: 'Settings', to: '/projects/$project/environments/$environment/settings', icon: IconAdjustmentsHorizontal, key: 'e',
} as const satisfies PageEntry;

/** The pages of the account. */
export const accountPages = [
  { word: 'Access', to: '/access', icon: IconKey, key: 'a' },
  { word: 'Audit', to: '/audit', icon: IconListDetails, key: 'u' },
] as const satisfies readonly PageEntry[];

interface PageEntry {
  word: string;
  to: string;
  icon: Icon;
  key: string;
}

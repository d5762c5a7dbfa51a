import { choice, text } from '@/lib/search';

export const keyDialogs = ['rotate-sdk', 'end-former', 'rotate-mobile', 'environment', 'project', 'delete'] as const;

/** Which dialog of the page of keys is open, as its address says it. */
export interface KeysSearch {
  dialog?: (typeof keyDialogs)[number];
}

export function keysSearch(search: Record<string, unknown>): KeysSearch {
  return { dialog: choice(search.dialog, keyDialogs) };
}

/** Which limits are shown. */
export interface LimitsSearch {
  q?: string;
}

export function limitsSearch(search: Record<string, unknown>): LimitsSearch {
  return { q: text(search.q) };
}

/** Which webhook is open, and whether it is edited or a new one is made. */
export interface WebhooksSearch {
  webhook?: string;
  dialog?: 'new' | 'edit' | 'delete';
}

export function webhooksSearch(search: Record<string, unknown>): WebhooksSearch {
  const webhook = text(search.webhook);
  const dialog = choice(search.dialog, ['new', 'edit', 'delete'] as const);
  return { webhook, dialog: dialog === 'new' || webhook !== undefined ? dialog : undefined };
}

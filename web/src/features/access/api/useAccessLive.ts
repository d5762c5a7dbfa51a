import { useQueryClient } from '@tanstack/react-query';

import { useLive } from '@/lib/live/useLive';

/** What is known of members, tokens and roles by the kind of the entries of the audit log that concern it. */
const keys: Partial<Record<string, string>> = { member: 'members', token: 'tokens', role: 'roles' };

/** Asks again for the people, tokens and roles that somebody has changed. */
export function useAccessLive() {
  const client = useQueryClient();
  useLive('audit', ({ kinds }) => {
    for (const kind of kinds) {
      if (keys[kind] !== undefined) void client.invalidateQueries({ queryKey: [keys[kind]] });
    }
  });
}

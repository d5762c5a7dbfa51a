import type { Token } from '@/features/access/api/tokens';
import { useRefused } from '@/lib/api/permission';

/**
 * Why the person may not do something to a token, as a sentence. One's own personal tokens need no right;
 * whose they are the server knows, so nothing is refused here for those.
 */
export function useTokenRefusal(action: string, token: Token): string | undefined {
  const refused = useRefused(action, token.serviceToken ? `service-token/${token._id}` : `member/${token.memberId}:token/${token._id}`, 'this token');
  return token.serviceToken ? refused : undefined;
}

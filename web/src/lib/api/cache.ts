import { QueryClient } from '@tanstack/react-query';

import { ApiError } from '@/lib/api/error';

/** What the server has answered. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // The live stream tells what changed; what it cannot tell is asked again when a page is opened.
      staleTime: 30_000,
      refetchOnWindowFocus: false,
      // Asking again helps when nobody answered or the server asked to wait, and with nothing else.
      retry: (failures, error) => failures < 2 && error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 502),
    },
  },
});

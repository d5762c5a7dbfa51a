import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { setNonce } from 'get-nonce';
import { useEffect } from 'react';

import { returnFocus } from '@/app/focusReturn';
import { router } from '@/app/router';
import { queryClient } from '@/lib/api/cache';
import { resolveVariables, theme } from '@/app/theme';
import { styleNonce } from '@/lib/nonce';

const nonce = styleNonce();
// What locks scrolling behind dialogs writes a style element too, and asks here.
if (nonce) setNonce(nonce);

// public/theme.js reads the same key before the first paint.
const colorSchemes = localStorageColorSchemeManager({ key: 'mantine-color-scheme-value' });

export function App() {
  useEffect(returnFocus, []);
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={resolveVariables}
      colorSchemeManager={colorSchemes}
      defaultColorScheme="auto"
      getStyleNonce={() => nonce ?? ''}
    >
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
        <Notifications position="bottom-right" limit={3} autoClose={5000} transitionDuration={160} />
      </QueryClientProvider>
    </MantineProvider>
  );
}

import '@/app/fonts.css';
import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import '@/app/tokens.css';
import '@/app/base.css';

import { isNotFound } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { App } from '@/app/App';
import { ApiError } from '@/lib/api/error';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');
createRoot(root, {
  // What the server refused is shown where the page would be; the browser's log is for faults of ours.
  onCaughtError: (error) => {
    if (!(error instanceof ApiError) && !isNotFound(error)) console.error(error);
  },
}).render(
  <StrictMode>
    <App />
  </StrictMode>,
);

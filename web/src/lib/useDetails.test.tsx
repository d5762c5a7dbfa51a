// @vitest-environment jsdom
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, renderHook, waitFor } from '@testing-library/react';
import { expect, test, vi } from 'vitest';

import { useDetails } from '@/lib/useDetails';

interface Words {
  name: string;
  description: string;
}

test('what is typed while a save is under way is not lost, and is saved over what was saved', async () => {
  const client = new QueryClient();
  const answers: ((saved: Words) => void)[] = [];
  const save = vi.fn<(before: Words, after: Words) => Promise<Words>>(() => new Promise((answer) => answers.push(answer)));
  const onSaved = vi.fn();
  const { result, rerender } = renderHook(
    ({ present }) => useDetails(present, { save, isOvertaken: () => false, onSaved, onOvertaken: () => Promise.resolve() }),
    {
      initialProps: { present: { name: 'Banner', description: '' } },
      wrapper: ({ children }) => <QueryClientProvider client={client}>{children}</QueryClientProvider>,
    },
  );
  act(() => result.current.edit({ name: 'The banner' }));
  act(() => result.current.submit());
  await waitFor(() => expect(result.current.busy).toBe(true));
  act(() => result.current.edit({ description: 'Asks for a newsletter' }));
  expect(result.current.busy).toBe(true);

  const saved = { name: 'The banner', description: '' };
  act(() => answers[0]?.(saved));
  await waitFor(() => expect(result.current.busy).toBe(false));
  rerender({ present: saved });
  expect(onSaved).toHaveBeenCalledWith(saved, ['name']);
  expect(result.current.edited).toEqual({ name: 'The banner', description: 'Asks for a newsletter' });
  expect(result.current.changes).toEqual(['description']);
  act(() => result.current.submit());
  await waitFor(() => expect(save).toHaveBeenCalledTimes(2));
  expect(save).toHaveBeenLastCalledWith(saved, { name: 'The banner', description: 'Asks for a newsletter' });
});

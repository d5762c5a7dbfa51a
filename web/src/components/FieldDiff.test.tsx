// @vitest-environment jsdom
import { MantineProvider } from '@mantine/core';
import { render, screen } from '@testing-library/react';
import { expect, test } from 'vitest';

import { FieldDiff } from '@/components/FieldDiff';

test('a changed field has a line of what it was and one of what it is, an added one only the second', () => {
  const before = { name: 'Banner' };
  const after = { name: 'The banner', tags: ['new'] };
  render(<MantineProvider><FieldDiff before={before} after={after} /></MantineProvider>);
  expect(screen.getAllByRole('definition').map((line) => line.textContent)).toEqual(['−was Banner', '+is The banner', '+is new']);
});

test('nothing that differs is said, not shown as nothing', () => {
  render(<MantineProvider><FieldDiff before={{ _version: 1 }} after={{ _version: 2 }} /></MantineProvider>);
  expect(screen.getByText('None of its fields differ.')).toBeTruthy();
});

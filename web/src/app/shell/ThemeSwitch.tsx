import { ActionIcon, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { IconMoon, IconSun } from '@tabler/icons-react';

/** Changes between light and dark. Until somebody does, the system decides. */
export function ThemeSwitch() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light', { getInitialValueInEffect: false });
  const other = scheme === 'dark' ? 'light' : 'dark';
  return (
    <ActionIcon variant="subtle" color="gray" size={32} aria-label={`Switch to ${other} theme`} onClick={() => setColorScheme(other)}>
      {scheme === 'dark' ? <IconMoon size={17} aria-hidden /> : <IconSun size={17} aria-hidden />}
    </ActionIcon>
  );
}

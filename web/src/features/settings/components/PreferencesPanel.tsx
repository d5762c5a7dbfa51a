import { Radio, Stack, Switch, useMantineColorScheme } from '@mantine/core';

import { Panel } from '@/components/Panel';
import classes from '@/features/settings/components/Settings.module.css';
import { useSingleKeys } from '@/lib/singleKeys';

/** What this browser keeps: the theme, and whether single keys do something. */
export function PreferencesPanel() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [singleKeys, setSingleKeys] = useSingleKeys();
  return (
    <Panel title="This browser">
      <div className={classes.fields}>
        <Radio.Group label="Theme" value={colorScheme} onChange={(value) => setColorScheme(value)}>
          <Stack gap={10} mt={8}>
            <Radio value="auto" label="As the system has it" />
            <Radio value="light" label="Light" />
            <Radio value="dark" label="Dark" />
          </Stack>
        </Radio.Group>
        <Switch
          label="Single-key shortcuts" checked={singleKeys} onChange={(event) => setSingleKeys(event.currentTarget.checked)}
          description="Keys without Ctrl, such as g s for Segments. Turn them off if you dictate text."
        />
      </div>
    </Panel>
  );
}

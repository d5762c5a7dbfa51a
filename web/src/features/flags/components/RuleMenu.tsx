import { ActionIcon, Menu, Tooltip } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconDots, IconTrash } from '@tabler/icons-react';

interface RuleMenuProps {
  /** "Rule 1". */
  label: string;
  first: boolean;
  last: boolean;
  refused: string | undefined;
  onMove: (step: number) => void;
  onRemove: () => void;
}

/** What can be done with a rule as a whole. */
export function RuleMenu({ label, first, last, refused, onMove, onRemove }: RuleMenuProps) {
  const dots = <IconDots size={16} aria-hidden />;
  const name = `${label} actions`;
  if (refused) {
    return (
      <Tooltip label={refused} multiline maw={320} events={{ hover: true, focus: true, touch: true }}>
        <ActionIcon variant="subtle" color="gray" aria-label={name} data-disabled aria-disabled onClick={(event) => event.preventDefault()}>{dots}</ActionIcon>
      </Tooltip>
    );
  }
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={name}>{dots}</ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconArrowUp size={16} aria-hidden />} disabled={first} onClick={() => onMove(-1)}>Move up</Menu.Item>
        <Menu.Item leftSection={<IconArrowDown size={16} aria-hidden />} disabled={last} onClick={() => onMove(1)}>Move down</Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<IconTrash size={16} aria-hidden />} onClick={onRemove}>Remove rule</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

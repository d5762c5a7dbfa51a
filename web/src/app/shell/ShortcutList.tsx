import { Kbd, Modal } from '@mantine/core';

import { shortcutGroups } from '@/app/shell/shortcuts';
import classes from '@/app/shell/ShortcutList.module.css';

/** Every key that does something. */
export function ShortcutList({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard shortcuts" size={640} radius={12} closeButtonProps={{ 'aria-label': 'Close' }}>
      <div className={classes.groups}>
        {shortcutGroups.map((group) => (
          <section key={group.title} aria-label={group.title}>
            <h3>{group.title}</h3>
            <dl>
              {group.keys.map(({ keys, does }) => (
                <div key={keys.join(' ')} className={classes.row}>
                  <dt>{does}</dt>
                  <dd>{keys.map((key) => (key === '…' ? <span key={key}>…</span> : <Kbd key={key}>{key}</Kbd>))}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Modal>
  );
}

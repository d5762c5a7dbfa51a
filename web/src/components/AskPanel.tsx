import type { ReactNode } from 'react';

import { ActionButton } from '@/components/ActionButton';
import classes from '@/components/AskPanel.module.css';
import { Panel } from '@/components/Panel';

interface AskPanelProps {
  title: string;
  /** The words of the button, which end in "…": it asks before anything happens. */
  action: string;
  refused: string | undefined;
  onAsk: () => void;
  /** What it would do, or what is in the way. */
  children: ReactNode;
  /** The question. */
  dialog: ReactNode;
}

/** A panel about one step that is not taken by accident: what it does, and the button that asks. */
export function AskPanel({ title, action, refused, onAsk, children, dialog }: AskPanelProps) {
  return (
    <Panel title={title}>
      <div className={classes.body}>
        {children}
        <ActionButton variant="default" refused={refused} onClick={onAsk}>{action}</ActionButton>
      </div>
      {dialog}
    </Panel>
  );
}

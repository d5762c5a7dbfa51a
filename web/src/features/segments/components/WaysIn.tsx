import { IconLogin2, IconPencil, IconUpload } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { UnstyledButton } from '@mantine/core';
import type { ReactNode } from 'react';

import classes from '@/features/segments/components/WaysIn.module.css';
import type { Place } from '@/lib/place';

/** The three ways in which members come: from a tool, from a list, by hand. */
export function WaysIn({ place, onByHand }: { place: Place; onByHand: () => void }) {
  return (
    <div className={classes.ways}>
      <Link to="/projects/$project/environments/$environment/sources" params={place} className={classes.way}>
        <Way icon={<IconLogin2 size={19} aria-hidden />} title="Connect a tool">Amplitude, Census, Hightouch, RudderStack, Segment and others push changes as they happen.</Way>
      </Link>
      <Link to="/projects/$project/environments/$environment/segments/upload" params={place} className={classes.way}>
        <Way icon={<IconUpload size={19} aria-hidden />} title="Upload a list">A CSV of any size. See exactly what would change before anything does.</Way>
      </Link>
      <UnstyledButton className={classes.way} onClick={onByHand}>
        <Way icon={<IconPencil size={19} aria-hidden />} title="Add people by hand">Type or paste keys. Good for testers and internal teams.</Way>
      </UnstyledButton>
    </div>
  );
}

function Way({ icon, title, children }: { icon: ReactNode; title: string; children: string }) {
  return (
    <>
      <span className={classes.icon}>{icon}</span>
      <span>
        <span className={classes.title}>{title}</span>
        <span className={classes.text}>{children}</span>
      </span>
    </>
  );
}

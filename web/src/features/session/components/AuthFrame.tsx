import type { ReactNode } from 'react';

import { Mark } from '@/components/Mark';
import classes from '@/features/session/components/AuthFrame.module.css';

interface AuthFrameProps {
  title: string;
  /** Below the title. */
  about?: ReactNode;
  /** Below the panel. */
  foot?: ReactNode;
  children: ReactNode;
}

/** The frame of the pages for who is not signed in: one panel in the middle. */
export function AuthFrame({ title, about, foot, children }: AuthFrameProps) {
  return (
    <main className={classes.frame}>
      <div className={classes.column}>
        <div className={classes.brand}>
          <Mark size={28} />
          <span>muster</span>
        </div>
        <section className={classes.panel} aria-labelledby="auth-title">
          <h1 id="auth-title">{title}</h1>
          {about && <p className={classes.about}>{about}</p>}
          {children}
        </section>
        {foot && <p className={classes.foot}>{foot}</p>}
      </div>
    </main>
  );
}

import type { ReactNode } from 'react';

import classes from '@/app/pages/BareFrame.module.css';

/** What stands around a page where there is no navigation: no page has the address, or nothing could be loaded. */
export function BareFrame({ children }: { children: ReactNode }) {
  return <main className={classes.main}>{children}</main>;
}

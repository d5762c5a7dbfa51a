import { Fragment, useEffect, useRef, type ReactNode } from 'react';

import { IconChevronRight } from '@tabler/icons-react';

import classes from '@/components/PageHeader.module.css';

interface PageHeaderProps {
  /** The h1 and the title of the tab. */
  title: string;
  /** Links to the pages above this one. */
  above?: ReactNode[];
  /** What stands right of the title, as the state of the thing. */
  beside?: ReactNode;
  /** A line below the title. */
  facts?: ReactNode;
  /** Buttons, the primary one last. */
  actions?: ReactNode;
}

/** The head of a page. When the page opens, its title takes the focus, so that it is read out. */
export function PageHeader({ title, above = [], beside, facts, actions }: PageHeaderProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · muster`;
    // What had the focus went with what the title said before, as a held sync that was decided.
    if (document.activeElement === document.body) heading.current?.focus({ preventScroll: true });
  }, [title]);
  useEffect(() => {
    if (document.activeElement?.closest('nav')) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <div className={classes.header}>
      <div className={classes.text}>
        {above.length > 0 && (
          <nav className={classes.above} aria-label="Breadcrumb">
            {above.map((link, i) => (
              <Fragment key={i}>
                {link}
                <IconChevronRight size={12} aria-hidden />
              </Fragment>
            ))}
            <span>{title}</span>
          </nav>
        )}
        <div className={classes.title}>
          <h1 ref={heading} tabIndex={-1}>{title}</h1>
          {beside}
        </div>
        {facts && <div className={classes.facts}>{facts}</div>}
      </div>
      {actions && <div className={classes.actions}>{actions}</div>}
    </div>
  );
}

import { useEffect, useRef, type ReactNode } from 'react';

import classes from '@/components/TabLinks.module.css';

interface TabLinksProps {
  /** What the tabs are about: "High-intent shoppers". */
  label: string;
  /** Links of the router, whose active one has aria-current. A count beside the word is <TabCount>. */
  children: ReactNode;
}

/** The tabs of a page, each with an address of its own. The chosen one is scrolled into view. */
export function TabLinks({ label, children }: TabLinksProps) {
  const nav = useRef<HTMLElement>(null);
  const shown = useRef<{ chosen: Element | null; width: number }>({ chosen: null, width: 0 });
  useEffect(() => {
    const chosen = nav.current?.querySelector('[aria-current]') ?? null;
    const width = nav.current?.scrollWidth ?? 0; // which grows when tabs come in later
    if (nav.current && chosen && (chosen !== shown.current.chosen || width !== shown.current.width)) {
      const show = showSideways.bind(undefined, nav.current, chosen);
      show();
      void document.fonts.ready.then(show); // by which words become wider
    }
    shown.current = { chosen, width };
  });
  return <nav ref={nav} className={classes.tabs} data-tabs aria-label={label} onKeyDown={moveFocus}>{children}</nav>;
}

/** How far the tabs fade at their edge. */
const fade = 36;

/** Leaves alone how far down the page is scrolled. */
function showSideways(nav: HTMLElement, tab: Element) {
  const [whole, part] = [nav.getBoundingClientRect(), tab.getBoundingClientRect()];
  nav.scrollLeft += Math.max(part.right + fade - whole.right, 0) - Math.max(whole.left - part.left, 0);
}

export function TabCount({ children, warn = false }: { children: ReactNode; warn?: boolean }) {
  return <span className={warn ? classes.warn : classes.count} aria-hidden>{children}</span>;
}

function moveFocus(event: React.KeyboardEvent<HTMLElement>) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step === undefined) return;
  const links = [...event.currentTarget.querySelectorAll<HTMLElement>('a')];
  const at = links.indexOf(document.activeElement as HTMLElement);
  links.at((at + step) % links.length)?.focus();
}

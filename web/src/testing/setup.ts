import { cleanup } from '@testing-library/react';
import { afterEach } from 'vitest';

// Tests of logic run without a browser's objects; those that begin with "@vitest-environment jsdom" have them.
if (typeof window !== 'undefined') {
  // jsdom has no layout; Mantine asks for these.
  window.matchMedia = (query) => Object.assign(new EventTarget(), { matches: false, media: query, onchange: null }) as MediaQueryList;
  window.ResizeObserver = class {
    observe() {}
    unobserve() {}
    disconnect() {}
  };
  window.HTMLElement.prototype.scrollIntoView = () => {};
  afterEach(cleanup);
}

import { useState } from 'react';

/** Copies text; copied holds for two seconds after it worked. */
export function useCopy() {
  const [copied, setCopied] = useState(false);
  const copy = (text: string) => {
    void write(text).then((done) => {
      setCopied(done);
      setTimeout(() => setCopied(false), 2000);
    });
  };
  return { copied, copy };
}

async function write(text: string): Promise<boolean> {
  if (window.isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // The browser or a person said no.
    }
  }
  // Over plain HTTP browsers have no clipboard but this one.
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- there is no other way
  const done = document.execCommand('copy');
  area.remove();
  return done;
}

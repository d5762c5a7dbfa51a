import { Link } from '@tanstack/react-router';
import { useEffect } from 'react';

import { AuthFrame } from '@/features/session/components/AuthFrame';

/** What to do when nobody has a token any more. */
export function LostTokensPage() {
  useEffect(() => {
    document.title = 'Lost every token · muster';
  }, []);
  return (
    <AuthFrame title="Lost every token?" foot={<Link to="/sign-in">Back to sign in</Link>}>
      <p>Tokens are stored as hashes, so nobody can look one up. Who can log in to the machine that muster runs on can make a new one:</p>
      <ol>
        <li>Stop muster.</li>
        <li>Make a token in its data folder: <code>muster token --data-dir ./muster-data</code></li>
        <li>Start muster again and sign in with what was printed. It works for 24 hours: make another under Access meanwhile.</li>
      </ol>
    </AuthFrame>
  );
}

import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useRouter } from '@tanstack/react-router';
import { useEffect } from 'react';

import { Note } from '@/components/Note';
import { firstRunQuery } from '@/features/session/api/session';
import { AuthFrame } from '@/features/session/components/AuthFrame';
import { SignInForms } from '@/features/session/components/SignInForms';

const route = getRouteApi('/sign-in');

export function SignInPage() {
  const next = route.useSearch({ select: (search: { next?: string }): string | undefined => search.next });
  const router = useRouter();
  const firstRun = useQuery(firstRunQuery);
  useEffect(() => {
    document.title = 'Sign in · muster';
  }, []);
  return (
    <AuthFrame
      title="Sign in" about={`to ${window.location.host}`}
      foot={firstRun.data?.open ? undefined : <Link to="/lost-tokens">Lost every token?</Link>}
    >
      {firstRun.data?.open && <Note tone="info"><b>This server is not set up yet.</b> <Link to="/first-run">Set up muster</Link></Note>}
      <SignInForms onSignedIn={() => router.history.push(next ?? router.buildLocation({ to: '/' }).publicHref)} />
    </AuthFrame>
  );
}

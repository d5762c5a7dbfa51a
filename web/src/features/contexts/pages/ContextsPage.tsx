import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';

import { EmptyState } from '@/components/EmptyState';
import { ForbiddenState } from '@/components/ForbiddenState';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { contextSearch, membershipsQuery, type ContextSearch } from '@/features/contexts/api/contexts';
import { ContextPast } from '@/features/contexts/components/ContextPast';
import classes from '@/features/contexts/components/Contexts.module.css';
import { LookUp } from '@/features/contexts/components/LookUp';
import { Memberships } from '@/features/contexts/components/Memberships';
import { ServedFlags } from '@/features/contexts/components/ServedFlags';
import { isForbidden } from '@/lib/api/error';
import { usePlace } from '@/lib/place';

/** What one context is in, and what it is served. */
export function ContextsPage() {
  const place = usePlace();
  const navigate = useNavigate();
  const search = contextSearch(useSearch({ strict: false }));
  const { kind = 'user', key, segments = 1, flags = 1 } = search;
  const { error } = useQuery({ ...membershipsQuery(place, { kind, key: key ?? '' }, segments), enabled: key !== undefined });
  const show = (next: ContextSearch, replace = false) => void navigate({ to: '/projects/$project/environments/$environment/contexts', params: place, search: next, replace });
  return (
    <>
      <PageHeader title="Contexts" facts="Which segments one context is in, and what every flag serves it." />
      <LookUp
        key={`${kind} ${key ?? ''}`} project={place.project} context={{ kind, key }}
        onLookUp={show}
      />
      {isForbidden(error) && <Panel><ForbiddenState title="You may not see what a context is in." lacks={error.lacks} message={error.message} /></Panel>}
      {!isForbidden(error) && (key === undefined
        ? <Panel><EmptyState title="Look up a context">Type an exact key. It is compared byte for byte. It is the key that your SDKs send, and your tools.</EmptyState></Panel>
        : (
            <div className={classes.results}>
              <Memberships place={place} context={{ kind, key }} page={segments} onPage={(to) => show({ ...search, segments: to === 1 ? undefined : to }, true)} />
              <ServedFlags place={place} context={{ kind, key }} page={flags} onPage={(to) => show({ ...search, flags: to === 1 ? undefined : to }, true)} />
              <ContextPast place={place} context={{ kind, key }} />
            </div>
          ))}
    </>
  );
}

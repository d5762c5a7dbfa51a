import { useQuery } from '@tanstack/react-query';
import { Fragment } from 'react';

import { EmptyState } from '@/components/EmptyState';
import { adminsQuery } from '@/lib/api/admins';
import type { ApiError } from '@/lib/api/error';
import { counted } from '@/lib/number';
import { sentence } from '@/lib/sentence';

interface ForbiddenStateProps {
  /** "You can see this segment but not its members." */
  title?: string;
  /** The right that is missing, if the server says which. */
  lacks?: ApiError['lacks'];
  /** What the server says instead. */
  message?: string;
}

/** What stands where the data would be of somebody who may not see it: what is missing, on what, and who can give it. */
export function ForbiddenState({ title = 'You may not see this.', lacks, message = '' }: ForbiddenStateProps) {
  return (
    <EmptyState title={title}>
      {lacks ? <>Needs <code>{lacks.action}</code> on <code>{lacks.resource}</code>.</> : sentence(message)} <WhoCanGiveIt />
    </EmptyState>
  );
}

function WhoCanGiveIt() {
  const { data: admins } = useQuery(adminsQuery);
  if (!admins || admins.items.length === 0) return 'Ask an admin.';
  const rest = admins.totalCount - admins.items.length;
  return (
    <>
      Ask{' '}
      {admins.items.map(({ name, email }, i) => (
        <Fragment key={email}>
          {i > 0 && (rest === 0 && i === admins.items.length - 1 ? ' or ' : ', ')}
          <a href={`mailto:${email}`}>{name}</a>
        </Fragment>
      ))}
      {rest > 0 && ` or one of ${counted(rest, 'other admin')}`}.
    </>
  );
}

import { useQuery } from '@tanstack/react-query';
import { Outlet } from '@tanstack/react-router';

import { ErrorState } from '@/components/ErrorState';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { flagQuery } from '@/features/flags/api/flag';
import { useFlagLive } from '@/features/flags/api/useFlagLive';
import { useFlagPlace } from '@/features/flags/api/useFlagPlace';
import { FlagHeader } from '@/features/flags/components/FlagHeader';
import { FlagTabs } from '@/features/flags/components/FlagTabs';
import { NoFlag } from '@/features/flags/components/NoFlag';
import { ApiError } from '@/lib/api/error';

/** The frame of the pages of one flag: its head and its tabs. */
export function FlagPage() {
  const at = useFlagPlace();
  const { data: flag, error, refetch } = useQuery(flagQuery(at));
  useFlagLive(at);
  if (error instanceof ApiError && error.status === 404) return <NoFlag at={at} />;
  if (error && !flag) {
    return (
      <>
        <PageHeader title={at.flag} />
        <Panel><ErrorState title="The flag could not be loaded. SDKs keep evaluating it." error={error} onRetry={() => void refetch()} /></Panel>
      </>
    );
  }
  return (
    <>
      <FlagHeader at={at} flag={flag} />
      <FlagTabs at={at} name={flag?.name ?? at.flag} />
      <Outlet />
    </>
  );
}

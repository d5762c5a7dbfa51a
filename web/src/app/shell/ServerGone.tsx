import { Button } from '@mantine/core';
import { IconPlugConnectedX } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';

import classes from '@/app/shell/ServerGone.module.css';
import { tryNow, useReach } from '@/lib/api/reach';
import { exactTime } from '@/lib/time';
import { useNow } from '@/lib/useNow';

/** Says, below the top bar, that nobody answers, of when the data is, and when the server is asked again. */
export function ServerGone() {
  const { lost, since, next } = useReach();
  const client = useQueryClient();
  const wasLost = useRef(false);
  useEffect(() => {
    if (wasLost.current && !lost) void client.invalidateQueries();
    wasLost.current = lost;
  }, [lost, client]);
  return (
    <div role="status" className={classes.place}>
      {lost && (
        <div className={classes.bar} data-server-gone>
          <IconPlugConnectedX size={18} aria-hidden />
          <span>Cannot reach the server. Showing data of {exactTime(since)}. <NextTry at={next} /></span>
          <Button variant="default" size="compact-sm" onClick={() => void tryNow()}>Try now</Button>
        </div>
      )}
    </div>
  );
}

/** Ticks for the eye only: read out each second it would be noise. */
function NextTry({ at }: { at: number }) {
  const now = useNow();
  const seconds = Math.ceil((at - now) / 1000);
  return <span aria-hidden>{seconds > 0 ? `Trying again in ${seconds} s.` : 'Trying again…'}</span>;
}

import { Link } from '@tanstack/react-router';

import { Count } from '@/components/Count';
import type { Column } from '@/components/DataTable';
import { Freshness } from '@/components/Freshness';
import { RowName } from '@/components/RowName';
import type { Flag } from '@/features/flags/api/flags';
import { turnRefusal } from '@/features/flags/api/permission';
import classes from '@/features/flags/components/Flags.module.css';
import { EvaluationTrend } from '@/features/flags/components/EvaluationTrend';
import { FlagSwitch } from '@/features/flags/components/FlagSwitch';
import { segmentsOf, servesOf } from '@/features/flags/components/flagWords';
import type { Place } from '@/lib/place';

/** The columns of the list of flags. */
export function flagColumns(place: Place, environment: { name: string; critical: boolean }): Column<Flag>[] {
  const config = (flag: Flag) => flag.environments?.[place.environment];
  return [
    {
      key: 'name', label: 'Flag', sort: 'name',
      cell: (flag) => (
        <RowName under={flag.key}>
          <Link to="/projects/$project/environments/$environment/flags/$flag" params={{ ...place, flag: flag.key }} title={flag.name}>{flag.name}</Link>
        </RowName>
      ),
    },
    { key: 'on', label: environment.name, card: 'figure', cell: (flag) => <FlagSwitch place={place} flag={flag} environment={environment} refused={turnRefusal(config(flag))} /> },
    { key: 'serves', label: 'Serves', card: 'state', cell: (flag) => { const of = config(flag); return of ? servesOf(flag, of) : '–'; } },
    { key: 'segments', label: 'Segments', numeric: true, priority: 3, cell: (flag) => { const of = config(flag); return of && <span title={segmentsOf(of).join(', ') || undefined}>{segmentsOf(of).length}</span>; } },
    { key: 'evaluations', label: 'Evaluations, 24 h', numeric: true, priority: 2, cell: (flag) => <Count value={config(flag)?._muster?.evaluations24h ?? null} /> },
    { key: 'trend', label: 'Trend', priority: 3, cell: (flag) => { const of = config(flag)?._muster; return of ? <EvaluationTrend hours={of.evaluationsHourly} /> : null; } },
    {
      key: 'changed', label: 'Changed', sort: 'changed', priority: 2, card: 'fresh',
      cell: (flag) => {
        const by = config(flag)?._muster?.modifiedBy?.name;
        return <><Freshness at={config(flag)?.lastModified} />{by && <div className={classes.by} title={by}>{by}</div>}</>;
      },
    },
  ];
}

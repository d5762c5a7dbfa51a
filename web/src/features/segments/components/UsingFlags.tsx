import { useQueries, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { DataTable, type Column } from '@/components/DataTable';
import { Pager } from '@/components/Pager';
import { Panel } from '@/components/Panel';
import { RowName } from '@/components/RowName';
import { StatePill } from '@/components/StatePill';
import { usesPageQuery, usesPageSize, type SegmentPlace, type Use } from '@/features/segments/api/segment';
import { flagQuery, servedBy, type Flag } from '@/features/segments/api/served';
import { AllFlags } from '@/features/segments/components/AllFlags';
import classes from '@/features/segments/components/UsingFlags.module.css';
import { environmentQuery } from '@/lib/api/environment';

interface UsingFlagsProps {
  at: SegmentPlace;
  title?: string;
  page?: number;
  /** Without it only the first page is shown, with a link to all. */
  onPage?: (page: number) => void;
}

/** The flags whose rules name the segment, and what they make of it; nothing when there are none. */
export function UsingFlags({ at, title, page = 1, onPage }: UsingFlagsProps) {
  const { data: uses, isPlaceholderData } = useQuery(usesPageQuery(at, page));
  const { data: environment } = useQuery(environmentQuery(at));
  const flags = useQueries({ queries: (uses?.items ?? []).map((use) => flagQuery(at.project, use.flagKey)) });
  if (uses?.totalCount === 0) return null;
  const flagOf = (use: Use) => flags.find((one) => one.data?.key === use.flagKey)?.data;
  const columns: Column<Use>[] = [
    {
      key: 'flag', label: 'Flag',
      cell: (use) => (
        <RowName under={use.flagKey}>
          <Link to="/projects/$project/environments/$environment/flags/$flag" params={{ ...at, flag: use.flagKey }}>{use.name}</Link>
        </RowName>
      ),
    },
    { key: 'use', label: 'How it uses the segment', cell: (use) => <Rules use={use} flag={flagOf(use)} /> },
    { key: 'on', label: environment?.name ?? at.environment, card: 'figure', cell: (use) => <StatePill state={use.on ? 'live' : 'off'} word={use.on ? 'On' : 'Off'} /> },
  ];
  const more = uses && uses.totalCount > usesPageSize && (onPage
    ? <Pager page={page} size={usesPageSize} total={uses.totalCount} onPage={onPage} />
    : <AllFlags at={at} total={uses.totalCount} />);
  const table = <DataTable label={title ?? 'Flags'} columns={columns} rows={uses?.items} rowKey={(use) => use.flagKey} stale={isPlaceholderData} foot={more} />;
  return title === undefined ? table : <div className={classes.titled}><Panel title={title} flush>{table}</Panel></div>;
}

function Rules({ use, flag }: { use: Use; flag: Flag | undefined }) {
  return (
    <ul className={classes.rules}>
      {use.rules.map((rule) => (
        <li key={rule.ruleId}>
          Rule {rule.ruleIndex + 1}: <b data-negated={rule.negated || undefined}>{rule.negated ? 'not in' : 'in'}</b> segment
          {rule.clauses > 1 && ` and ${rule.clauses - 1} more`} → <code>{servedBy(rule, flag)}</code>
        </li>
      ))}
    </ul>
  );
}

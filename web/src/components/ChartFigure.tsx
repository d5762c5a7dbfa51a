import { UnstyledButton } from '@mantine/core';
import { Suspense, useState, type ReactNode } from 'react';

import classes from '@/components/Chart.module.css';

interface ChartFigureProps {
  /** What the chart shows, for who does not see it. */
  label: string;
  /** Loaded in a chunk of its own. */
  chart: ReactNode;
  /** The same as figures. */
  table: ReactNode;
  /** <LegendEntry>s, in the order of the chart. */
  legend: ReactNode;
}

/** A chart with its legend, and the same figures as a table. */
export function ChartFigure({ label, chart, table, legend }: ChartFigureProps) {
  const [asTable, showTable] = useState(false);
  return (
    <>
      {asTable ? table : <div className={classes.chart} role="group" aria-label={label}><Suspense fallback={<ChartRoom />}>{chart}</Suspense></div>}
      <div className={classes.legend}>
        {legend}
        <UnstyledButton className={classes.switch} onClick={() => showTable(!asTable)}>{asTable ? 'View as chart' : 'View as table'}</UnstyledButton>
      </div>
    </>
  );
}

/** What a look in the chart stands for. */
export function LegendEntry({ fill, hatched = false, children }: { fill: string; hatched?: boolean; children: ReactNode }) {
  return <span style={{ '--fill': fill }} data-hatched={hatched || undefined}>{children}</span>;
}

/** The place of a chart that is not there yet: it has its size and its lines. */
export function ChartRoom() {
  return <div className={classes.room} aria-busy="true" />;
}

interface ChartTableProps {
  label: string;
  columns: readonly string[];
  children: ReactNode;
}

/** The figures of a chart, newest first: the first column says when. */
export function ChartTable({ label, columns, children }: ChartTableProps) {
  return (
    <div className={classes.scroll} tabIndex={0} role="region" aria-label={label}>
      <table className={classes.table}>
        <thead><tr>{columns.map((column, i) => <th key={i} scope="col">{column}</th>)}</tr></thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** What a chart says of a moment that is pointed at. */
export function ChartTip({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className={classes.tooltip}>
      <b>{title}</b>
      {children}
    </div>
  );
}

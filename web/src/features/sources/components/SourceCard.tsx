import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import { lettersOf } from '@/components/ToolMark';
import classes from '@/features/sources/components/Source.module.css';
import type { Tool } from '@/lib/api/tools';
import type { Place } from '@/lib/place';

const ways: Record<Tool['native'], string> = {
  address: 'Native: only the address changes',
  fixed: 'By webhook or HTTP request',
  none: 'By webhook',
};

/** A tool that can push, as a link to the page that connects it. */
export function ToolCard({ place, tool }: { place: Place; tool: Tool }) {
  return (
    <Link to="/projects/$project/environments/$environment/sources/new/$tool" params={{ ...place, tool: tool.key }} className={classes.card}>
      <CardText icon={lettersOf(tool.name)} title={tool.name} way={ways[tool.native]}>{tool.overview}</CardText>
    </Link>
  );
}

interface CardTextProps {
  icon: ReactNode;
  title: string;
  way?: string;
  children: ReactNode;
}

export function CardText({ icon, title, way, children }: CardTextProps) {
  return (
    <>
      <span className={classes.tile} aria-hidden>{icon}</span>
      <span>
        <span className={classes.name}>{title}</span>
        <span className={classes.line}>{children}</span>
        {way !== undefined && <span className={classes.way}>{way}</span>}
      </span>
    </>
  );
}

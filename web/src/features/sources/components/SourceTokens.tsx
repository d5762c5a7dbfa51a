import { useQueries } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { Freshness } from '@/components/Freshness';
import { Panel } from '@/components/Panel';
import { tokenQuery, type Token } from '@/features/sources/api/connect';
import type { Source } from '@/features/sources/api/source';
import classes from '@/features/sources/components/Source.module.css';
import { counted } from '@/lib/number';

/** The tokens that the last calls of a source came with, and what each may. */
export function SourceTokens({ source: { tokens = [] } }: { source: Source }) {
  const known = useQueries({ queries: tokens.map((token) => ({ ...tokenQuery(token._id), retry: false })) });
  return (
    <Panel title={tokens.length === 1 ? 'Token' : 'Tokens'} actions={<Link to="/access/tokens">All tokens</Link>}>
      {tokens.length === 0 && <p className={classes.small}>None of the calls that are kept came with a token.</p>}
      <ul className={classes.tokens}>
        {tokens.map((token, i) => (
          <li key={token._id}>
            <b>{known[i]?.data?.name ?? token.name ?? token._id}</b>
            <span>{known[i]?.error ? 'Deleted, or not for you to see' : mayWords(known[i]?.data)}</span>
            <span>{counted(token.runs, 'sync', 'syncs')} lately, the last <Freshness at={token.lastCall} /> ago</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** What a token may, in a few words. */
function mayWords(token: Token | undefined): string {
  if (!token) return '–';
  if (token.inlineRole && token.inlineRole.length > 0) {
    const actions = [...new Set(token.inlineRole.filter((one) => one.effect === 'allow').flatMap((one) => one.actions ?? []))];
    return actions.length > 0 ? `May ${actions.join(', ')}` : 'A policy of its own';
  }
  return token.role === undefined ? 'Custom roles' : `Role ${token.role}`;
}

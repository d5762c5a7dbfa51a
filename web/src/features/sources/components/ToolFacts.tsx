import { IconCheck, IconMinus } from '@tabler/icons-react';

import { Panel } from '@/components/Panel';
import classes from '@/features/sources/components/Source.module.css';
import type { Tool } from '@/lib/api/tools';

const abilities: readonly [keyof Tool['can'], string, string][] = [
  ['contextKind', 'Use any context kind', 'Name a context kind: its members are users'],
  ['replace', 'Send the complete list', 'Say “this is the complete list”'],
  ['cohorts', 'Change several segments in one call', 'Change several segments in one call'],
  ['link', 'Link back to the audience', 'Link back to the audience'],
  ['description', 'Send a description', 'Send a description'],
];

const websites = [['docs', 'Documentation'], ['support', 'Support'], ['site', 'Site']] as const satisfies readonly [keyof Tool['websites'], string][];

/** What a tool can do, what it cannot and what follows from that, as its manifest says it. */
export function ToolFacts({ tool }: { tool: Tool }) {
  const cannot = abilities.filter(([ability]) => !tool.can[ability]);
  return (
    <>
      <Panel title={`${tool.name} can`}>
        <ul className={`${classes.facts} ${classes.can}`}>
          <li><IconCheck size={16} aria-hidden />Add and remove members</li>
          {abilities.filter(([ability]) => tool.can[ability]).map(([ability, words]) => <li key={ability}><IconCheck size={16} aria-hidden />{words}</li>)}
        </ul>
      </Panel>
      {(cannot.length > 0 || tool.cannot.length > 0) && (
        <Panel title={`${tool.name} cannot`}>
          <ul className={classes.facts}>
            {cannot.map(([ability, , words]) => <li key={ability}><IconMinus size={16} aria-hidden />{words}</li>)}
          </ul>
          {!tool.can.replace && (
            <p className={classes.small} style={{ marginTop: 12 }}>
              So a member that leaves while {tool.name} is off stays in, until you upload the full list once.
            </p>
          )}
          {tool.cannot.map((sentence) => <p key={sentence} className={classes.small} style={{ marginTop: 12 }}>{sentence}</p>)}
        </Panel>
      )}
      <Panel title="Stuck?">
        <p className={classes.small}>
          This page shows every call that reaches muster with this token, also refused ones. Nothing here means that the call never arrived: check the address and the firewall.
        </p>
        <ul className={classes.links}>
          {websites.map(([link, word]) => {
            const href = tool.websites[link];
            return href && <li key={link}><a href={href} target="_blank" rel="noreferrer">{word} of {tool.name}</a></li>;
          })}
        </ul>
      </Panel>
    </>
  );
}

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { Panel } from '@/components/Panel';
import { segmentFlagsQuery } from '@/features/sources/api/uploads';
import classes from '@/features/sources/components/Source.module.css';
import { counted, digits } from '@/lib/number';
import type { Place } from '@/lib/place';

const most = 10;

function onWords(all: number, on: number): string {
  if (on === 0) return `${all === 1 ? 'It is' : 'All of them are'} off: nobody sees a difference yet.`;
  return `${all === 1 ? 'It is on.' : `${digits(on)} of them ${on === 1 ? 'is' : 'are'} on.`} Whoever joins or leaves may see a different variation.`;
}

/** The flags that a change of the segment touches. */
export function UsingFlags({ place, segment }: { place: Place; segment: string }) {
  const { data: flags } = useQuery(segmentFlagsQuery(place, segment));
  if (!flags) return null;
  if (flags.length === 0) return <Panel title="No flag uses this segment"><p className={classes.small}>So nobody sees a difference when its members change.</p></Panel>;
  return (
    <Panel title={`${counted(flags.length, 'flag uses', 'flags use')} this segment`}>
      <p className={classes.small}>{onWords(flags.length, flags.filter((flag) => flag.on).length)}</p>
      <ul className={classes.facts} style={{ marginTop: 8 }}>
        {flags.slice(0, most).map((flag) => (
          <li key={flag.flagKey}><Link to="/projects/$project/environments/$environment/flags/$flag" params={{ ...place, flag: flag.flagKey }}>{flag.name}</Link></li>
        ))}
        {flags.length > most && <li>and {digits(flags.length - most)} more</li>}
      </ul>
    </Panel>
  );
}

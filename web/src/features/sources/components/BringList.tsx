import { IconPencil, IconTerminal2, IconUpload } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';

import classes from '@/features/sources/components/Source.module.css';
import { CardText } from '@/features/sources/components/SourceCard';
import type { Place } from '@/lib/place';

/** The ways in that need no tool. */
export function BringList({ place }: { place: Place }) {
  return (
    <section className={classes.group} aria-labelledby="bring-a-list">
      <h2 id="bring-a-list">Bring a list</h2>
      <div className={classes.gallery}>
        <Link to="/projects/$project/environments/$environment/segments/upload" params={place} className={classes.card}>
          <CardText icon={<IconUpload size={19} />} title="Upload a file">CSV or NDJSON of any size. See what would change before anything does.</CardText>
        </Link>
        <Link to="/projects/$project/environments/$environment/segments/new" params={place} search={{ by: 'hand' }} className={classes.card}>
          <CardText icon={<IconPencil size={19} />} title="By hand">Type or paste keys. Good for testers and internal teams.</CardText>
        </Link>
        <a href="/ui/api/#createBigSegmentImport" className={classes.card}>
          <CardText icon={<IconTerminal2 size={19} />} title="From the command line or CI">
            <code>muster import</code>, or one call of the API, which this leads to.
          </CardText>
        </a>
      </div>
    </section>
  );
}

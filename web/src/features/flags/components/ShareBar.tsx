import classes from '@/features/flags/components/ShareBar.module.css';

interface ShareBarProps {
  parts: readonly { key: string; name: string; size: number }[];
  /** What all parts together are when nothing is missing. */
  whole: number;
}

/** A bar of parts, which the words beside it tell of too: neighbours differ in shade, and a gap parts them. */
export function ShareBar({ parts, whole }: ShareBarProps) {
  const given = Math.max(whole, parts.reduce((sum, part) => sum + part.size, 0));
  return (
    <div className={classes.bar} aria-hidden>
      {parts.map((part, i) => part.size > 0 && (
        <span key={part.key} data-shade={i % 4} style={{ width: `${(100 * part.size) / given}%` }} title={part.name} />
      ))}
    </div>
  );
}

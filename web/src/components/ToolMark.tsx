import classes from '@/components/ToolMark.module.css';

/** A tool as its name behind a tile of two letters. */
export function ToolMark({ name }: { name: string }) {
  return (
    <span className={classes.tool}>
      <span className={classes.tile} aria-hidden>{lettersOf(name)}</span>
      {name}
    </span>
  );
}

/** The letters that stand for a name: its capitals, else those that its words begin with, else its first two. */
export function lettersOf(name: string): string {
  const capitals = name.match(/\p{Lu}/gu) ?? [];
  if (capitals.length >= 2) return capitals.join('').slice(0, 2);
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.length >= 2 ? words.map((word) => word.slice(0, 1)).join('').slice(0, 2).toUpperCase() : name.slice(0, 2);
}

/** The mark of muster: many that stand in ranks. */
export function Mark({ size }: { size: number }) {
  return (
    <svg viewBox="0 0 24 24" width={size} height={size} fill="var(--m-accent)" aria-hidden>
      <circle cx="5" cy="17" r="2.6" />
      <circle cx="12" cy="17" r="2.6" />
      <circle cx="19" cy="17" r="2.6" />
      <circle cx="8.5" cy="10.5" r="2.6" opacity=".7" />
      <circle cx="15.5" cy="10.5" r="2.6" opacity=".7" />
      <circle cx="12" cy="4.5" r="2.4" opacity=".4" />
    </svg>
  );
}

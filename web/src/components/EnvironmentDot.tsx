import classes from '@/components/EnvironmentDot.module.css';

interface EnvironmentDotProps {
  environment: { color: string; critical: boolean } | undefined;
}

/** The colour that people gave an environment; one that is like production has a ring. */
export function EnvironmentDot({ environment }: EnvironmentDotProps) {
  return (
    <span
      className={environment?.critical ? classes.critical : classes.dot}
      style={{ '--dot': environment ? `#${environment.color}` : 'var(--m-line2)' }}
      title={environment?.critical ? 'Critical: changes are confirmed' : undefined}
      aria-hidden
    />
  );
}

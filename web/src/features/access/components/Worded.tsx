/** A sentence whose names in backticks are shown as code. */
export function Worded({ children }: { children: string }) {
  return children.split('`').map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part));
}

/** How wide the parts of a diff's bar are, in percent of their sum. Parts that are not nothing are 1 or more. */
export function shares(stay: number, leave: number, join: number) {
  const sum = stay + leave + join;
  const share = (part: number) => (part === 0 ? 0 : Math.max(1, (100 * part) / sum));
  const small = (part: number) => part > 0 && (100 * part) / sum < 1;
  return { stay: share(stay), leave: share(leave), join: share(join), enlarged: small(stay) || small(leave) || small(join) };
}

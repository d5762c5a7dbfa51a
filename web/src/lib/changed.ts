/** Which parts differ, by their names. */
export function changedParts<Parts extends object>(before: Parts, after: Parts): (keyof Parts)[] {
  return (Object.keys(before) as (keyof Parts)[]).filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}

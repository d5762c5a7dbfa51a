// Readers of search parameters. What is no such value falls back silently to undefined, which the
// address then does not show.

export function text(value: unknown): string | undefined {
  const words = typeof value === 'number' ? String(value) : value;
  return typeof words === 'string' && words !== '' ? words : undefined;
}

export function choice<T extends string>(value: unknown, of: readonly T[]): T | undefined {
  return of.find((one) => one === value);
}

/** A whole number from 1. */
export function count(value: unknown): number | undefined {
  const number = Number(value);
  return Number.isSafeInteger(number) && number >= 1 ? number : undefined;
}

/** Something that is there or is not, such as an open dialog. */
export function yes(value: unknown): true | undefined {
  return value === true || undefined;
}

// The values of clauses have types; people type text.

const numeric = ['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'];
const textual = ['startsWith', 'endsWith', 'contains', 'matches', 'semVerEqual', 'semVerLessThan', 'semVerGreaterThan'];
/** Attributes whose values are always text. */
const textAttributes = ['key', 'kind', 'name'];

type Typed = { op: string; attribute: string };

/**
 * The value that somebody typed. Where a value may be of any type, numbers, true and false are taken as
 * such, and text in quotes is text whatever it looks like.
 */
export function parseValue(typed: string, { op, attribute }: Typed): unknown {
  if (textual.includes(op)) return typed;
  if (numeric.includes(op) || op === 'before' || op === 'after') return isNumber(typed) ? Number(typed) : typed;
  if (textAttributes.includes(attribute)) return typed;
  if (isNumber(typed) || typed === 'true' || typed === 'false' || /^".*"$/s.test(typed)) return fromJSON(typed);
  return typed;
}

/** A value as parseValue would read it back. */
export function shownValue(value: unknown, clause: Typed): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return parseValue(value, clause) === value ? value : JSON.stringify(value);
}

/** What is wrong with a value for an operator, as a sentence; undefined when nothing is. */
export function valueFault(value: unknown, op: string): string | undefined {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (numeric.includes(op)) return typeof value === 'number' ? undefined : `“${text}” is no number.`;
  if (op === 'before' || op === 'after') {
    return typeof value === 'number' || isDate(text) ? undefined : `“${text}” is no time. Write 2026-11-03T12:00:00Z, or milliseconds since 1970.`;
  }
  if (op.startsWith('semVer')) return isVersion(text) ? undefined : `“${text}” is no version. Write 2.1.0.`;
  // Regular expressions are not looked at: SDKs differ in what they understand.
  return undefined;
}

function isNumber(text: string): boolean {
  return /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text);
}

function isDate(text: string): boolean {
  return /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text));
}

function isVersion(text: string): boolean {
  return /^(0|[1-9]\d*)(\.(0|[1-9]\d*)){0,2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/.test(text);
}

function fromJSON(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

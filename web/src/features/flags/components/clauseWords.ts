import { segmentMatch, type Clause } from '@/features/flags/api/targeting';
import { shownValue } from '@/features/flags/api/values';

/** What operators are called, and what their opposites are. */
const words: Record<string, readonly [string, string]> = {
  [segmentMatch]: ['is in', 'is not in'],
  in: ['is one of', 'is not one of'],
  startsWith: ['starts with', 'does not start with'],
  endsWith: ['ends with', 'does not end with'],
  contains: ['contains', 'does not contain'],
  matches: ['matches the pattern', 'does not match the pattern'],
  lessThan: ['is less than', 'is not less than'],
  lessThanOrEqual: ['is at most', 'is not at most'],
  greaterThan: ['is greater than', 'is not greater than'],
  greaterThanOrEqual: ['is at least', 'is not at least'],
  before: ['is before', 'is not before'],
  after: ['is after', 'is not after'],
  semVerEqual: ['is version', 'is not version'],
  semVerLessThan: ['is a version below', 'is not a version below'],
  semVerGreaterThan: ['is a version above', 'is not a version above'],
};

export type Test = Pick<Clause, 'op' | 'negate'>;

export function testWords({ op, negate }: Test): string {
  return words[op]?.[negate ? 1 : 0] ?? `${negate ? 'not ' : ''}${op}`;
}

/** Every test of an attribute, with its opposite, as a list to choose from. */
export const attributeTests: readonly Test[] = Object.keys(words)
  .filter((op) => op !== segmentMatch)
  .flatMap((op) => [{ op, negate: false }, { op, negate: true }]);

/** A test as one text, for a list to choose from, and back. */
export const testId = ({ op, negate }: Test) => `${negate ? '!' : ''}${op}`;
export const testOf = (id: string): Test => ({ op: id.replace(/^!/, ''), negate: id.startsWith('!') });

/** What a clause asks, in words: "in High-intent shoppers", "country is one of DE, FR". */
export function clauseWords(clause: Clause, segmentName: (key: string) => string): string {
  if (clause.op === segmentMatch) return `${clause.negate ? 'not in' : 'in'} ${clause.values.map((key) => segmentName(String(key))).join(' or ') || '…'}`;
  return `${subjectOf(clause)} ${testWords(clause)} ${clause.values.map((value) => shownValue(value, clause)).join(', ') || '…'}`;
}

/** The attribute that a clause asks for; with its kind, unless that is a user. */
export function subjectOf({ kind, attribute }: Pick<Clause, 'kind' | 'attribute'>): string {
  return kind === undefined || kind === 'user' ? attribute : `${kind} ${attribute}`;
}

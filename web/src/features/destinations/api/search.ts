import { choice, count, text } from '@/lib/search';

/** What can be added, as the address names it. */
export const addable = ['redis', 'sentinel', 'cluster', 'dynamodb', 'relay'] as const;
export type Addable = (typeof addable)[number];

/** Groups of those that read the membership. */
export const groups = ['sink', 'relay', 'sdk'] as const;
export type Group = (typeof groups)[number];

/** What is asked about a store, in a dialog or a drawer. */
export const questions = ['edit', 'rebuild', 'remove'] as const;
export type Question = (typeof questions)[number];

/** What of the list is shown, and what is open above it, as its address says. */
export interface DestinationsSearch {
  kind?: Group;
  add?: Addable;
  ask?: Question;
  /** The store that is asked about. */
  of?: string;
}

export function destinationsSearch(search: Record<string, unknown>): DestinationsSearch {
  const of = text(search.of);
  return { kind: choice(search.kind, groups), add: choice(search.add, addable), ask: of === undefined ? undefined : choice(search.ask, questions), of };
}

export interface DestinationSearch {
  ask?: Question;
  /** Of its segments. */
  page?: number;
}

export function destinationSearch(search: Record<string, unknown>): DestinationSearch {
  return { ask: choice(search.ask, questions), page: count(search.page) };
}

import type { ContextChange } from '@/features/contexts/api/contexts';

const verbs = { added: 'Joined', removed: 'Left', excluded: 'Excluded from', unexcluded: 'No longer excluded from' } as const;

/** What happened: "Joined", "Left". */
export function verbOf(change: Pick<ContextChange, 'change'>): string {
  return verbs[change.change];
}

/** By what it happened: a tool, a person, a list. tool is what people call the tool. */
export function causeOf({ kind, actor }: Pick<ContextChange, 'kind' | 'actor'>, tool: string | undefined): string {
  const person = actor?.name ?? 'somebody';
  switch (kind) {
    case undefined: return 'The run that did it is not known any more';
    case 'edit': return `By hand, by ${person}`;
    case 'rollback': return `By a rollback, by ${person}`;
    case 'import': return `By a list, uploaded by ${person}`;
    case 'replace': return `By a whole list from ${tool ?? person}`;
    default: return `By ${tool ?? person}`;
  }
}

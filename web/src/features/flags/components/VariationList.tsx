import { IconPlus } from '@tabler/icons-react';

import { ActionButton } from '@/components/ActionButton';
import { problemsOf, type FlagKind, type VariationDraft } from '@/features/flags/api/variations';
import { VariationFields } from '@/features/flags/components/VariationFields';
import classes from '@/features/flags/components/Variations.module.css';

interface VariationListProps {
  kind: FlagKind;
  list: readonly VariationDraft[];
  onChange: (list: VariationDraft[]) => void;
  /** Whether what is wrong is said: not before somebody tried. */
  strict: boolean;
  /** Why this person may not change them. */
  refused?: string;
  /** Where a variation is served, in words; what is served somewhere cannot be removed. */
  usesOf?: (id: string) => readonly string[];
}

const most = 1000;

/** The variations of a flag as fields, with the ways to add and to remove. */
export function VariationList({ kind, list, onChange, strict, refused, usesOf }: VariationListProps) {
  const problems = strict ? problemsOf(kind, list) : {};
  const add = () => onChange([...list, { id: crypto.getRandomValues(new Uint32Array(2)).join('-'), name: '', description: '', text: kind === 'json' ? '{}' : '' }]);
  const full = kind === 'boolean' ? 'A boolean flag has true and false, nothing else.' : list.length >= most ? `A flag has at most ${most} variations.` : undefined;
  return (
    <>
      <ol className={classes.list} aria-label="Variations">
        {list.map((draft, i) => {
          const uses = usesOf?.(draft.id) ?? [];
          const served = uses.length > 0 ? `It is served ${uses.join(' · ')}. Change that first.` : undefined;
          return (
            <VariationFields
              key={draft.newAs ?? draft.id} kind={kind} draft={draft} index={i} problem={problems[draft.id]} readOnly={refused !== undefined}
              kept={refused ?? (list.length === 1 ? 'A flag has at least one variation.' : served)}
              onChange={(next) => onChange(list.map((one) => (one.id === draft.id ? next : one)))} onRemove={() => onChange(list.filter((one) => one.id !== draft.id))}
            >
              {usesOf && <p className={classes.uses}>{uses.length > 0 ? `Served ${uses.join(' · ')}` : 'Not served anywhere'}</p>}
            </VariationFields>
          );
        })}
      </ol>
      <div className={classes.tools}>
        <ActionButton variant="default" size="compact-md" leftSection={<IconPlus size={16} aria-hidden />} refused={refused ?? full} onClick={add}>Add variation</ActionButton>
      </div>
    </>
  );
}

import type { EvaluatedFlag } from '@/features/contexts/api/contexts';

/** Why a flag serves what it serves, in words. */
export function reasonOf({ reason }: Pick<EvaluatedFlag, 'reason'>): string {
  switch (reason.kind) {
    case 'OFF': return 'The flag is off';
    case 'TARGET_MATCH': return 'Targeted by its key';
    case 'RULE_MATCH': return `Rule ${(reason.ruleIndex ?? 0) + 1} matched`;
    case 'PREREQUISITE_FAILED': return `Prerequisite ${reason.prerequisiteKey ?? ''} is not met`;
    case 'ERROR': return `SDKs cannot evaluate it: ${(reason.errorKind ?? 'unknown').toLowerCase().replaceAll('_', ' ')}`;
    default: return 'No rule matched: everyone else';
  }
}

/** A value as people read it: JSON, and nothing at all as the default of the code. */
export function valueOf(value: unknown): string {
  return value === null || value === undefined ? 'default in the code' : JSON.stringify(value);
}

import type { Statement } from '@/features/access/api/grant';
import { readJson, TextProblem, type Located } from '@/features/access/api/jsonText';

const lists = ['actions', 'notActions', 'resources', 'notResources'] as const;

/** A policy as it was read from a text. */
export interface ReadPolicy {
  statements: Statement[];
  /** Where each statement stands. */
  located: Located[];
}

/** What stops a text from being a policy. */
export interface PolicyProblem {
  line: number;
  message: string;
}

/** Reads the text of a policy. What resources look like is the server's to judge. */
export function readPolicy(text: string): ReadPolicy | PolicyProblem {
  try {
    const { items, line } = readJson(text);
    if (!items) throw new TextProblem(line, 'a policy is a list of statements, in brackets');
    items.forEach(checkStatement);
    return { statements: items.map((item) => item.value as Statement), located: items };
  } catch (problem) {
    if (problem instanceof TextProblem) return { line: problem.line, message: problem.message };
    throw problem;
  }
}

export function isProblem(read: ReadPolicy | PolicyProblem): read is PolicyProblem {
  return 'message' in read;
}

function checkStatement({ members, line }: Located) {
  if (!members) throw new TextProblem(line, 'a statement is an object, in braces');
  const seen = new Set<string>();
  for (const { name, line: at, of } of members) {
    if (seen.has(name)) throw new TextProblem(at, `${name} stands here twice`);
    seen.add(name);
    if (name === 'effect') {
      if (of.value !== 'allow' && of.value !== 'deny') throw new TextProblem(of.line, 'effect must be "allow" or "deny"');
    } else if (lists.some((list) => list === name)) {
      checkList(name, of);
    } else {
      throw new TextProblem(at, `a statement has no ${name}; it has effect, actions or notActions, and resources or notResources`);
    }
  }
  if (!seen.has('effect')) throw new TextProblem(line, 'effect is missing: "allow" or "deny"');
  for (const [list, other] of [['actions', 'notActions'], ['resources', 'notResources']] as const) {
    if (seen.has(list) === seen.has(other)) throw new TextProblem(line, `give either ${list} or ${other}`);
  }
}

function checkList(name: string, { items, line }: Located) {
  if (!items || items.length === 0) throw new TextProblem(line, `${name} is a list with at least one entry`);
  for (const item of items) {
    if (typeof item.value !== 'string' || item.value === '') throw new TextProblem(item.line, `an entry of ${name} is a text in quotes`);
  }
}

/** Finds the line that a refusal of the server is about: "statement 0: the resource "proj/x::flag/y" has an empty part". */
export function refusedAt(message: string, { located }: ReadPolicy): PolicyProblem {
  const [, index, why] = /^statement (\d+): (.*)$/s.exec(message) ?? [];
  const statement = index === undefined ? undefined : located[Number(index)];
  if (!statement || why === undefined) return { line: 1, message };
  const entries = statement.members?.flatMap(({ of }) => of.items ?? []) ?? [];
  const entry = entries.find(({ value }) => why.includes(JSON.stringify(value)));
  return { line: (entry ?? statement).line, message: why };
}

/** A policy as people edit it. */
export function policyText(statements: readonly Statement[]): string {
  return JSON.stringify(statements, undefined, 2);
}

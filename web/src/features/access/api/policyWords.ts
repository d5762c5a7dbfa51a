import type { Statement } from '@/features/access/api/grant';

// Texts in backticks are names, which are shown as code.

/** What resources of a kind are called, where that is not the kind's own word. */
const nouns: Partial<Record<string, string>> = {
  'proj': 'project', 'env': 'environment', 'context-kind': 'context kind', 'payload-filter': 'payload filter', 'member': 'account member', 'token': 'personal token',
  'service-token': 'service token', 'role': 'custom role', 'relay-proxy-config': 'Relay configuration',
};

/** A statement in words: "Allow `createSegment`, `updateIncluded` on every segment of every environment." */
export function statementWords(statement: Statement): string {
  const effect = statement.effect === 'allow' ? 'Allow' : 'Deny';
  const actions = statement.actions ? listed(statement.actions, actionWords) : `every action but ${listed(statement.notActions ?? [], code)}`;
  const resources = statement.resources ? listed(statement.resources, resourceWords, ' and on ') : `everything but ${listed(statement.notResources ?? [], resourceWords, ' and ')}`;
  return `${effect} ${actions} on ${resources}.`;
}

/** What a role grants where no statement matches. */
export function baseWords(base: string): string {
  return base === 'reader' ? 'Where no statement matches, everything may be viewed.' : 'Where no statement matches, nothing is allowed.';
}

function listed(entries: readonly string[], words: (entry: string) => string, between = ', '): string {
  return entries.map(words).join(between);
}

function code(text: string): string {
  return `\`${text}\``;
}

function actionWords(action: string): string {
  if (action === '*') return 'every action';
  return action.includes('*') ? `every action like ${code(action)}` : code(action);
}

/** A specifier in words: "every segment tagged `synced` of environment `production` of project `web`". */
export function resourceWords(specifier: string): string {
  if (specifier === '*') return 'everything';
  const levels = levelsOf(specifier).map(readLevel);
  const [innermost, ...above] = levels.reverse().map(({ words }) => words);
  // Any project says nothing that any environment has not said.
  const last = levels.at(-1);
  const said = levels.length > 1 && last?.any && levels.at(-2)?.any ? above.slice(0, -1) : above;
  return [innermost, ...said].join(' of ');
}

/** The levels of a specifier. Colons in braces, and those of selectors without them, part nothing. */
function levelsOf(specifier: string): string[] {
  return specifier.split(/:(?![^{]*\})(?!(?:true|false)(?:[,;:]|$))/);
}

function readLevel(level: string): { words: string; any: boolean } {
  const [head = '', ...quals] = level.replace(/^\//, '').split(';');
  const [kind = '', name] = head.split('/', 2);
  if (kind === 'acct') return { words: 'the account', any: false };
  const noun = nouns[kind] ?? kind;
  const marks = quals.join(';').split(',').filter((qual) => qual !== '');
  const tags = marks.filter((mark) => !/critical:/.test(mark));
  const critical = marks.find((mark) => /critical:/.test(mark));
  const which = critical === undefined ? '' : /true/.test(critical) ? 'critical ' : 'not critical ';
  const plain = name === '*' || name === undefined;
  const words = plain ? `every ${which}${noun}` : name.includes('*') ? `every ${which}${noun} like ${code(name)}` : `${which}${noun} ${code(name)}`;
  return { words: tags.length === 0 ? words : `${words} tagged ${listed(tags, code, ' and ')}`, any: plain && marks.length === 0 };
}

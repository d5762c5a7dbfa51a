/** One field of an object that differs. */
export interface FieldChange {
  /** Where it is, in words: "Environments, production, rule 2, values". */
  path: string;
  /** What it was; absent if there was nothing. */
  removed?: string;
  /** What it is; absent if there is nothing any more. */
  added?: string;
}

/** What every change moves along, and links, which say nothing about a change. */
const bookkeeping = new Set(['_version', 'version', 'lastModified', '_lastModified', 'lastModifiedDate', '_links', '_site', '_id', '_access', 'sel', 'salt']);

type Json = Record<string, unknown>;

/**
 * What differs between two versions of an object, field by field. Members of lists are matched by what
 * names them, so that a rule in front does not change all rules behind it.
 */
export function fieldChanges(before: unknown, after: unknown): FieldChange[] {
  return differences([], before, after).map(({ path, was, is }) => ({
    path: inWords(path), ...(empty(was) ? {} : { removed: written(was) }), ...(empty(is) ? {} : { added: written(is) }),
  }));
}

interface Difference {
  path: string[];
  was: unknown;
  is: unknown;
}

function differences(path: string[], was: unknown, is: unknown): Difference[] {
  if (same(was, is) || (empty(was) && empty(is))) return [];
  if (Array.isArray(was) || Array.isArray(is)) {
    return Array.isArray(was ?? []) && Array.isArray(is ?? []) ? ofLists(path, (was ?? []) as unknown[], (is ?? []) as unknown[]) : [{ path, was, is }];
  }
  // A whole object that came or went is told field by field only at the top, where it is the object itself.
  if (isObject(was) && isObject(is)) return ofObjects(path, was, is);
  if (path.length === 0 && isObject(was ?? {}) && isObject(is ?? {})) return ofObjects(path, (was ?? {}) as Json, (is ?? {}) as Json);
  return [{ path, was, is }];
}

function ofObjects(path: string[], was: Json, is: Json): Difference[] {
  return [...new Set([...Object.keys(was), ...Object.keys(is)])]
    .filter((name) => !bookkeeping.has(name))
    .flatMap((name) => differences([...path, name], was[name], is[name]));
}

function ofLists(path: string[], was: unknown[], is: unknown[]): Difference[] {
  const named = [...was, ...is].every((member) => nameOf(member) !== undefined);
  if (!named) return ofValues(path, was, is);
  const names = (list: unknown[]) => list.map((member) => nameOf(member) ?? '');
  const [old, now] = [names(was), names(is)];
  const found = [...new Set([...now, ...old])].flatMap((name) => {
    const [i, j] = [old.indexOf(name), now.indexOf(name)];
    return differences([...path, String((j >= 0 ? j : i) + 1)], was[i], is[j]);
  });
  const stayed = (list: string[], other: string[]) => list.filter((name) => other.includes(name));
  const [order, newOrder] = [stayed(old, now), stayed(now, old)];
  if (same(order, newOrder)) return found;
  const places = (list: string[]) => list.map((name) => old.indexOf(name) + 1).join(', ');
  return [...found, { path: [...path, 'order'], was: places(order), is: places(newOrder) }];
}

/** Lists of plain values, as tags and keys: what left and what came. Other lists are told whole. */
function ofValues(path: string[], was: unknown[], is: unknown[]): Difference[] {
  if ([...was, ...is].some(isObject)) {
    return Array.from({ length: Math.max(was.length, is.length) }, (_, i) => differences([...path, String(i + 1)], was[i], is[i])).flat();
  }
  const left = was.filter((value) => !is.includes(value));
  const came = is.filter((value) => !was.includes(value));
  return [{ path, was: left.length + came.length === 0 ? was : left, is: left.length + came.length === 0 ? is : came }];
}

/** What a member of a list is known by. */
function nameOf(member: unknown): string | undefined {
  if (!isObject(member)) return undefined;
  const name = member._id ?? member.key ?? member.id;
  return typeof name === 'string' ? name : undefined;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Nothing, in whatever way it is written. */
function empty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0) || (isObject(value) && Object.keys(value).length === 0);
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, sorted(member)]));
}

/** A value as people read it: texts as they are, lists of texts with commas, the rest as JSON. */
function written(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((member) => !isObject(member) && !Array.isArray(member))) return value.map(written).join(', ');
  const clean = withoutBookkeeping(value);
  const line = JSON.stringify(clean);
  return line.length <= 80 ? line : JSON.stringify(clean, null, 2);
}

function withoutBookkeeping(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutBookkeeping);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !bookkeeping.has(name)).map(([name, member]) => [name, withoutBookkeeping(member)]));
}

/** A path with its members in order: "rules", "2", "clientSideAvailability" is "Rule 2, client side availability". */
function inWords(path: string[]): string {
  const parts: string[] = [];
  for (const name of path) {
    const list = parts.at(-1);
    if (/^\d+$/.test(name) && list !== undefined) parts[parts.length - 1] = `${list.replace(/ies$/, 'y').replace(/s$/, '')} ${name}`;
    else parts.push(name.replace(/^_/, '').replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/[A-Z][a-z]/g, (letters) => letters.toLowerCase()));
  }
  const words = parts.join(', ');
  return words === '' ? 'Everything' : words.charAt(0).toUpperCase() + words.slice(1);
}

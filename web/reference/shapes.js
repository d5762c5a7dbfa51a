import { el, inline } from './dom.js';

// shapesOf reads the schemas of a document: as a word, as a list of members, as an example.
export function shapesOf(doc) {
  // resolve follows a reference within the document.
  function resolve(node = {}) {
    if (!node.$ref) return node;
    const { $ref, ...beside } = node;
    const target = $ref.slice(2).split('/').reduce((at, name) => at[name], doc);
    return { ...resolve(target), ...beside, shape: $ref.slice($ref.lastIndexOf('/') + 1) };
  }

  // word says in a few words what a value is.
  function word(schema) {
    const s = resolve(schema);
    const choices = s.oneOf ?? s.anyOf;
    if (s.shape) return s.shape;
    if (choices) return choices.map(word).join(' or ');
    if (s.type === 'array') return `array of ${word(s.items)}`;
    if (s.type === 'object' && s.additionalProperties && s.additionalProperties !== true) return `map of ${word(s.additionalProperties)}`;
    const types = [s.type ?? 'any JSON'].flat().join(' or ');
    return s.format && s.format !== 'double' ? `${types} (${s.format})` : types;
  }

  // inner returns the shapes with members that stand in a shape.
  function inner(schema) {
    const s = resolve(schema);
    const parts = s.oneOf ?? s.anyOf ?? [s.items ?? (s.additionalProperties instanceof Object ? s.additionalProperties : undefined)];
    if (s.properties && Object.keys(s.properties).length > 0) return [s];
    return parts.filter(Boolean).flatMap(inner);
  }

  function member(name, schema, required) {
    const s = resolve(schema);
    return el('li', {},
      el('span', { class: 'member' }, el('code', {}, name), ' ', el('span', { class: 'type' }, word(schema)),
        required ? el('span', { class: 'required' }, ' required') : ''),
      s.description ? el('span', { class: 'says' }, inline(s.description)) : '',
      facts(s),
      nested(schema));
  }

  // nested shows the members inside a member when somebody opens them: shapes may contain themselves.
  function nested(schema) {
    const [first] = inner(schema);
    if (!first) return '';
    const details = el('details', { toggle: () => { if (details.children.length === 1) details.append(members(schema)); } },
      el('summary', {}, first.shape ? `Members of ${first.shape}` : 'Members'));
    return details;
  }

  function members(schema) {
    return el('div', {}, inner(schema).map((s) => el('ul', { class: 'members' },
      Object.entries(s.properties).map(([name, at]) => member(name, at, s.required?.includes(name))))));
  }

  // facts names the values that are allowed, and the one that counts otherwise.
  function facts(schema) {
    const s = resolve(schema);
    const values = s.enum ?? s.items?.enum;
    const parts = [];
    if (values) parts.push('One of ', ...values.flatMap((v, i) => [i ? ', ' : '', el('code', {}, String(v))]), '. ');
    if (s.default !== undefined) parts.push('Default ', el('code', {}, String(s.default)), '.');
    return parts.length ? el('span', { class: 'says' }, parts) : '';
  }

  // view shows what a body holds.
  function view(schema) {
    const s = resolve(schema);
    return el('div', { class: 'shape' }, el('p', {}, el('span', { class: 'type' }, word(schema))),
      s.description ? el('p', {}, inline(s.description)) : '',
      (s.oneOf ?? [schema]).map((form) => s.oneOf && inner(form).length ? el('details', {}, el('summary', {}, word(form)), members(form)) : members(form)));
  }

  // example makes a value with the members that are required.
  function example(schema, depth = 0) {
    const s = resolve(schema);
    if (s.oneOf ?? s.anyOf) return example((s.oneOf ?? s.anyOf)[0], depth);
    if (s.enum) return s.enum[0];
    switch ([s.type].flat()[0]) {
      case 'object': {
        const names = s.required ?? (depth === 0 ? Object.keys(s.properties ?? {}).slice(0, 1) : []);
        return Object.fromEntries(names.map((name) => [name, depth > 5 ? null : example(s.properties[name], depth + 1)]));
      }
      case 'array': return depth > 5 || !s.items?.$ref ? [] : [example(s.items, depth + 1)];
      case 'integer': case 'number': return 0;
      case 'boolean': return false;
      case 'string': return '';
      default: return depth === 0 ? {} : '';
    }
  }

  return { resolve, word, facts, view, example };
}

// The reference of the management API, made from its own OpenAPI document. The access token stays in
// its input: nothing here keeps it, and nothing is sent anywhere but to this origin.
import { el, inline, prose } from './dom.js';
import { trial } from './request.js';
import { shapesOf } from './shapes.js';

const at = (id) => document.getElementById(id);
const methods = ['get', 'post', 'put', 'patch', 'delete'];
const token = () => at('token').value.trim();

// operationsOf returns the operations of a document with their references resolved.
function operationsOf(doc, shapes) {
  return Object.entries(doc.paths).flatMap(([path, item]) => methods.filter((method) => item[method]).map((method) => {
    const op = item[method];
    return { ...op, method, path, parameters: (op.parameters ?? []).map(shapes.resolve) };
  })).sort((a, b) => a.path.split('/').length - b.path.split('/').length); // lists before what is in them
}

// entry shows an operation as a line that opens.
function entry(op, shapes) {
  const details = el('details', { class: 'operation', id: op.operationId, toggle: () => fill(details, op, shapes) },
    el('summary', {},
      el('span', { class: `method ${op.method}` }, op.method.toUpperCase()),
      el('code', { class: 'path' }, op.path.split('/').flatMap((part, i) => i ? ['/', el('wbr'), part] : [part])),
      el('span', { class: 'summary' }, op.summary, op['x-muster-beta'] ? el('span', { class: 'beta' }, 'beta') : '')));
  return details;
}

// fill adds what an operation takes and answers, the first time that it is opened.
function fill(details, op, shapes) {
  if (!details.open) return;
  history.replaceState(null, '', `#${op.operationId}`);
  if (details.children.length > 1) return;
  const parameters = op.parameters.map((p) => el('li', {},
    el('span', { class: 'member' }, el('code', {}, p.name), ' ', el('span', { class: 'type' }, `${p.in}, ${shapes.word(p.schema)}`),
      p.required ? el('span', { class: 'required' }, ' required') : ''),
    p.description ? el('span', { class: 'says' }, inline(p.description)) : '', shapes.facts(p.schema)));
  const bodies = Object.entries(op.requestBody?.content ?? {});
  details.append(el('div', { class: 'body' },
    prose(op.description),
    el('p', { class: 'id' }, 'In generated clients: ', el('code', {}, op.operationId)),
    parameters.length ? [el('h3', {}, 'Parameters'), el('ul', { class: 'members' }, parameters)] : '',
    bodies.length ? [el('h3', {}, op.requestBody.required ? 'Body' : 'Body, optional'), bodies.map(([media, { schema }]) => contentOf(media, schema, shapes))] : '',
    el('h3', {}, 'Answers'), answersOf(op, shapes),
    trial(op, shapes, token)));
}

function contentOf(media, schema, shapes) {
  return el('details', { class: 'content' }, el('summary', {}, el('code', {}, media)), shapes.view(schema));
}

// answersOf lists the answers of success, and behind a line those of failure, which all look alike.
function answersOf(op, shapes) {
  const answers = Object.entries(op.responses).map(([status, r]) => [status, shapes.resolve(r)]);
  const failures = answers.filter(([status]) => status >= '400');
  return [
    el('ul', { class: 'answers' }, answers.filter(([status]) => status < '400').map(([status, r]) => el('li', {},
      el('span', { class: 'status good' }, status), ' ', inline(r.description),
      Object.entries(r.headers ?? {}).map(([name, header]) => el('span', { class: 'says' }, el('code', {}, name), ' ', inline(header.description))),
      Object.entries(r.content ?? {}).map(([media, { schema }]) => contentOf(media, schema, shapes))))),
    el('details', { class: 'content' }, el('summary', {}, `Failures: ${failures.map(([status]) => status).join(', ')}`),
      el('ul', { class: 'answers' }, failures.map(([status, r]) => el('li', {}, el('span', { class: 'status bad' }, status), ' ', inline(r.description)))),
      contentOf('application/json', failures[0][1].content['application/json'].schema, shapes)),
  ];
}

// search hides what does not mention every word.
function search(text, entries, sections) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const { element, op } of entries) {
    const about = `${op.method} ${op.path} ${op.summary} ${op.operationId} ${op.tags}`.toLowerCase();
    element.hidden = !words.every((word) => about.includes(word));
    found += element.hidden ? 0 : 1;
  }
  for (const { section, link, elements } of sections) section.hidden = link.hidden = elements.every((e) => e.hidden);
  at('found').textContent = words.length ? `${found} of ${entries.length} operations` : '';
}

// reveal opens the operation that the address names.
function reveal() {
  const element = at(decodeURIComponent(location.hash.slice(1)));
  if (!element?.classList.contains('operation')) return;
  element.hidden = element.closest('section').hidden = false;
  element.open = true;
  element.scrollIntoView();
}

function show(doc) {
  const shapes = shapesOf(doc);
  const entries = operationsOf(doc, shapes).map((op) => ({ op, element: entry(op, shapes) }));
  const sections = doc.tags.map((tag) => {
    const id = `group-${tag.name.toLowerCase().replaceAll(' ', '-')}`;
    const elements = entries.filter(({ op }) => op.tags.includes(tag.name)).map(({ element }) => element);
    const section = el('section', { 'aria-labelledby': id }, el('h2', { id }, tag.name), prose(tag.description), elements);
    const link = el('li', {}, el('a', { href: `#${id}` }, tag.name), el('span', { class: 'count' }, String(elements.length)));
    return { section, link, elements };
  });
  at('about').replaceChildren(...prose(doc.info.description), el('p', {}, 'The document: ', el('a', { href: '/api/v2/openapi.json' }, 'openapi.json')));
  at('groups').replaceChildren(...sections.map(({ link }) => link));
  at('operations').replaceChildren(...sections.map(({ section }) => section));
  at('search').addEventListener('input', (event) => search(event.target.value, entries, sections));
  addEventListener('hashchange', reveal);
  reveal();
}

addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.matches('input, textarea, select')) return;
  event.preventDefault();
  at('search').focus();
});
if (matchMedia('(max-width: 52rem)').matches) at('contents').open = false;
try {
  const response = await fetch('/api/v2/openapi.json');
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  show(await response.json());
} catch (problem) {
  at('about').replaceChildren(el('p', { class: 'bad', role: 'alert' }, `The document can't be read: ${problem.message}. Load the page again in a moment.`));
}

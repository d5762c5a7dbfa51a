import { el } from './dom.js';

const mostShown = 256 * 1024; // characters of an answer

// trial is the part of an operation where its request is put together and sent.
export function trial(op, shapes, token) {
  const fields = op.parameters.map((parameter) => ({ parameter, input: inputOf(op, parameter) }));
  const body = bodyOf(op, shapes);
  const curl = el('pre', { tabindex: '0', 'aria-label': 'The request as a curl command' });
  const answer = el('div', { class: 'answer', role: 'status' });
  const shown = el('pre', { tabindex: '0', hidden: true, 'aria-label': 'The body of the answer' });
  const send = el('button', { type: 'submit', class: op.method === 'delete' ? 'danger' : 'send' }, `Send ${op.method.toUpperCase()}`);
  const stop = el('button', { type: 'button', hidden: true, click: () => underWay?.abort() }, 'Stop');
  const copy = el('button', { type: 'button', hidden: !navigator.clipboard, click: () => navigator.clipboard.writeText(curl.textContent) }, 'Copy');
  let underWay;

  const request = () => requestOf(op, fields, body);
  const refresh = () => { curl.textContent = curlOf(request()); };
  const form = el('form', {
    class: 'try', input: refresh, change: refresh,
    submit: async (event) => {
      event.preventDefault();
      underWay?.abort();
      underWay = new AbortController();
      stop.hidden = false;
      await exchange(request(), token(), underWay.signal, answer, shown);
      stop.hidden = true;
    },
  },
  fields.map(({ parameter, input }) => el('label', {}, el('span', {}, `${parameter.name} (${parameter.in})`), input)),
  body.elements,
  el('div', { class: 'buttons' }, send, stop), answer, shown);
  refresh();
  return [el('h3', {}, 'curl'), el('div', { class: 'curl' }, curl, copy), el('h3', {}, 'Try it'), form];
}

function inputOf(op, { name, required, schema = {} }) {
  const values = schema.enum ?? (schema.type === 'boolean' ? ['true', 'false'] : undefined);
  const attributes = { required: Boolean(required), name: `${op.operationId}-${name}`, autocomplete: 'off', spellcheck: 'false' };
  if (!values) return el('input', { ...attributes, type: 'text', placeholder: schema.default === undefined ? '' : String(schema.default) });
  return el('select', attributes, required ? '' : el('option', { value: '' }, '—'), values.map((v) => el('option', { value: v }, String(v))));
}

// bodyOf returns the inputs of a body, and how to read them.
function bodyOf(op, shapes) {
  const content = op.requestBody?.content;
  if (!content) return { elements: [], read: () => ({}) };
  const kinds = Object.keys(content);
  const kind = el('select', {}, kinds.map((media) => el('option', { value: media }, media)));
  const text = el('textarea', { rows: '8', spellcheck: 'false', autocomplete: 'off' });
  const file = el('input', { type: 'file' });
  const place = el('div', {});
  const show = () => {
    const schema = content[kind.value].schema;
    const isForm = kind.value.startsWith('multipart/');
    place.replaceChildren(el('label', {}, el('span', {}, isForm ? 'File' : 'Body'), isForm ? file : text));
    text.value = kind.value.includes('json') && !kind.value.includes('ndjson') ? JSON.stringify(shapes.example(schema), null, 2) : '';
  };
  kind.addEventListener('change', show);
  show();
  return {
    elements: [el('label', {}, el('span', {}, 'Content-Type'), kind), place],
    read: () => {
      if (kind.value.startsWith('multipart/')) return { file: file.files[0], kind: kind.value };
      return text.value || op.requestBody.required ? { text: text.value, kind: kind.value } : {};
    },
  };
}

function requestOf(op, fields, body) {
  let path = op.path;
  const query = new URLSearchParams();
  const headers = {};
  for (const { parameter: { name, in: where, schema }, input } of fields) {
    const value = input.value;
    if (where === 'path') path = path.replace(`{${name}}`, value ? encodeURIComponent(value) : `{${name}}`);
    else if (!value) continue;
    else if (where === 'header') headers[name] = value;
    else if (schema?.type === 'array') value.split(',').forEach((one) => query.append(name, one.trim()));
    else query.set(name, value);
  }
  const search = query.toString();
  const sent = body.read();
  if (sent.kind && !sent.kind.startsWith('multipart/')) headers['Content-Type'] = sent.kind;
  return { method: op.method.toUpperCase(), path: path + (search ? `?${search}` : ''), headers, open: op.security?.length === 0, ...sent };
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curlOf({ method, path, headers, text, kind, file, open }) {
  const parts = [`curl${method === 'GET' ? '' : ` -X ${method}`} ${quoted(location.origin + path)}`];
  if (!open) parts.push('-H "Authorization: $TOKEN"');
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (kind?.startsWith('multipart/')) parts.push(`-F ${quoted(`file=@${file?.name ?? 'list.csv'}`)}`);
  else if (text) parts.push(`--data-binary ${quoted(text)}`);
  return parts.join(' \\\n  ');
}

// exchange sends a request and shows the answer as it comes.
async function exchange({ method, path, headers, text, file }, token, signal, answer, shown) {
  answer.replaceChildren('Sending…');
  shown.hidden = true;
  const began = performance.now();
  try {
    let body = text;
    if (file) (body = new FormData()).append('file', file);
    const response = await fetch(path, { method, body, signal, headers: token ? { ...headers, Authorization: token } : headers, cache: 'no-store' });
    const took = Math.round(performance.now() - began);
    answer.replaceChildren(
      el('p', { class: response.ok ? 'good' : 'bad' }, el('strong', {}, `${response.status} ${response.statusText}`), ` after ${took} ms`),
      el('details', {}, el('summary', {}, 'Headers'), el('pre', { tabindex: '0' }, [...response.headers].map(([n, v]) => `${n}: ${v}`).join('\n'))));
    await read(response, shown);
  } catch (problem) {
    answer.append(el('p', { class: 'bad' }, problem.name === 'AbortError' ? 'Stopped.' : `No answer: ${problem.message}`));
  }
}

async function read(response, shown) {
  if (!response.body) return;
  let text = '';
  for (const reader = response.body.pipeThrough(new TextDecoderStream()).getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
    shown.hidden = false;
    shown.textContent = text;
    if (text.length > mostShown) {
      shown.textContent = `${text.slice(0, mostShown)}\n… (the rest is not shown)`;
      await reader.cancel();
      return;
    }
  }
  if (response.headers.get('Content-Type')?.startsWith('application/json')) {
    try {
      shown.textContent = JSON.stringify(JSON.parse(text), null, 2);
    } catch { /* it is shown as it came */ }
  }
}

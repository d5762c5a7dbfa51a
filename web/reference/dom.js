// el makes an element. Attributes that are functions are listeners; false and undefined are left out.
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== ''));
  return element;
}

// inline renders `code` and **bold** of a line of Markdown.
export function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith('`')) return el('code', {}, part.slice(1, -1));
    if (part.startsWith('**')) return el('strong', {}, part.slice(2, -2));
    return part;
  });
}

// prose renders paragraphs and lists of Markdown.
export function prose(text = '') {
  return text.split('\n\n').filter(Boolean).map((block) =>
    block.startsWith('- ')
      ? el('ul', {}, block.split('\n').map((line) => el('li', {}, inline(line.replace(/^- /, '')))))
      : el('p', {}, inline(block)));
}

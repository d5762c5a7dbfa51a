/** A value of a JSON text, with the line that it begins on. */
export interface Located {
  line: number;
  value: unknown;
  /** Of an array. */
  items?: Located[];
  /** Of an object, in their order. */
  members?: { name: string; line: number; of: Located }[];
}

/** What is wrong with a text, and on which line. */
export class TextProblem extends Error {
  constructor(readonly line: number, message: string) {
    super(message);
    this.name = 'TextProblem';
  }
}

/** Reads JSON and keeps where everything stands; throws a TextProblem. */
export function readJson(text: string): Located {
  return new Reader(text).whole();
}

const scalar = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const quoted = /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/yu;

class Reader {
  private at = 0;
  private line = 1;

  constructor(private readonly text: string) {}

  whole(): Located {
    const value = this.value('a list of statements');
    if (this.next() !== '') this.fail(`nothing can follow here, but ${this.seen()} does`);
    return value;
  }

  private value(what: string): Located {
    const first = this.next();
    const line = this.line;
    if (first === '[') {
      const items: Located[] = [];
      this.list(']', () => items.push(this.value('a value')));
      return { line, items, value: items.map((item) => item.value) };
    }
    if (first === '{') {
      const members: NonNullable<Located['members']> = [];
      this.list('}', () => {
        if (this.next() !== '"') this.fail(`a name in quotes is missing before ${this.seen()}`);
        const at = this.line;
        const name = this.match(quoted) as string;
        if (this.next() !== ':') this.fail(`a colon is missing behind "${name}"`);
        this.at++;
        members.push({ name, line: at, of: this.value('a value') });
      });
      return { line, members, value: Object.fromEntries(members.map(({ name, of }) => [name, of.value])) };
    }
    if (first === '"') return { line, value: this.match(quoted) };
    if (first === '') this.fail(`the text ends where ${what} is missing`);
    return { line, value: this.match(scalar) };
  }

  /** Reads what stands between the bracket here and its partner, with commas in between. */
  private list(end: string, element: () => void) {
    const opened = this.line;
    this.at++;
    if (this.next() === end) {
      this.at++;
      return;
    }
    for (;;) {
      element();
      const then = this.next();
      if (then === end) {
        this.at++;
        return;
      }
      if (then === '') this.fail(`the bracket opened on line ${opened} is never closed`);
      if (then !== ',') this.fail(`a comma or ${end} is missing before ${this.seen()}`);
      this.at++;
      if (this.next() === end) this.fail(`a comma stands before ${end}`);
    }
  }

  /** Goes on to the next character that is not blank; '' is the end. */
  private next(): string {
    for (; this.at < this.text.length; this.at++) {
      const c = this.text.charAt(this.at);
      if (c === '\n') this.line++;
      else if (c !== ' ' && c !== '\t' && c !== '\r') return c;
    }
    return '';
  }

  private match(pattern: RegExp): unknown {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) this.fail(this.text.charAt(this.at) === '"' ? 'the text in quotes has no end on this line' : `a value is missing before ${this.seen()}`);
    this.at += found.length;
    return JSON.parse(found);
  }

  private seen(): string {
    const rest = /^[^\s,:[\]{}"]+|^./.exec(this.text.slice(this.at))?.[0];
    return rest === undefined ? 'the end' : `“${rest.slice(0, 20)}”`;
  }

  private fail(message: string): never {
    throw new TextProblem(this.line, message);
  }
}

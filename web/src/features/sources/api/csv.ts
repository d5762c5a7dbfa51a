/** The head of a table: rows of cells, as many as were asked for. */
export type Rows = string[][];

/** What stands between the columns of a table, as muster is told of it. */
export type Separator = 'comma' | 'semicolon' | 'tab';

const signs: Record<Separator, string> = { comma: ',', semicolon: ';', tab: '\t' };

/** What separates the columns of a table: the most frequent in its first row of those that muster takes. */
export function separatorOf(text: string): Separator {
  const columns = (separator: Separator) => firstRows(text, separator, 1)[0]?.length ?? 0;
  return (['comma', 'semicolon', 'tab'] as const).reduce((best, one) => (columns(one) > columns(best) ? one : best));
}

/** The first rows of a table; empty lines are none. A row that the text breaks off in is left out if others are there. */
export function firstRows(text: string, separator: Separator, most: number): Rows {
  const sign = signs[separator];
  const rows: Rows = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  const endRow = () => {
    row.push(cell);
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
    cell = '';
  };
  for (let i = 0; i < text.length && rows.length < most; i++) {
    const letter = text.charAt(i);
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[i + 1] === '"') cell += text.charAt(++i);
      else quoted = false;
    } else if (letter === '"' && cell === '') {
      quoted = true;
    } else if (letter === sign) {
      row.push(cell);
      cell = '';
    } else if (letter === '\n' || letter === '\r') {
      if (letter === '\r' && text[i + 1] === '\n') i++;
      endRow();
    } else {
      cell += letter;
    }
  }
  if (rows.length < most && (cell !== '' || row.length > 0)) endRow();
  return rows;
}

const usual = ['key', 'id', 'userkey', 'user_key', 'user key', 'userid', 'user_id', 'user id', 'contextkey', 'context_key', 'context key', 'email'];

/** The column that most likely has the keys: the first with a usual name, else the first. */
export function likelyColumn(header: readonly string[]): number {
  return Math.max(0, header.findIndex((name) => usual.includes(name.trim().toLowerCase())));
}

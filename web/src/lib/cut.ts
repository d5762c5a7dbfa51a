/** A text of at most so many characters: its middle gives way, because keys differ at both ends. */
export function middleCut(text: string, most: number): string {
  const letters = Array.from(text);
  if (letters.length <= most) return text;
  const half = Math.floor((most - 1) / 2);
  return `${letters.slice(0, most - 1 - half).join('')}…${letters.slice(letters.length - half).join('')}`;
}

/** The parts of a key between which a line may end: behind what separates words in it. */
export function breakable(key: string): string[] {
  return key.match(/[^@._:/|+-]+[@._:/|+-]*|[@._:/|+-]+/g) ?? [];
}

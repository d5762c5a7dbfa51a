const units = ['bytes', 'kB', 'MB', 'GB'];

/** A size for people: "812 bytes", "2.6 MB". */
export function bytes(size: number): string {
  const power = Math.min(units.length - 1, size < 1000 ? 0 : Math.floor(Math.log10(size) / 3));
  return `${power === 0 ? size : (size / 1000 ** power).toFixed(1)} ${units[power] ?? ''}`;
}

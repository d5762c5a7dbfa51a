const grouped = new Intl.NumberFormat('en-US');

/** The number with its digits in groups and a real minus sign. */
export function digits(value: number): string {
  // Zero has no sign, whichever way it was come by.
  return grouped.format(value === 0 ? 0 : value).replace('-', '−');
}

/** A change: with its sign, also when it is a plus. */
export function signed(value: number): string {
  return value > 0 ? `+${digits(value)}` : digits(value);
}

/** The number with its noun: "1 flag", "3 flags". */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${digits(value)} ${value === 1 ? one : many}`;
}

const decimals = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });

/** "30 %", "32.1 %", "< 0.1 %", never broken between the two. */
export function percent(value: number): string {
  return value > 0 && value < 0.1 ? '<\u00a00.1\u00a0%' : `${decimals.format(value)}\u00a0%`;
}

const units = [[1e9, ' G'], [1e6, ' M'], [1e3, ' k']] as const;
const rounded = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });

/** A number for an axis: "1.22 M". */
export function shortNumber(value: number): string {
  const unit = units.find(([size]) => Math.abs(value) >= size);
  return (unit ? `${rounded.format(value / unit[0])}${unit[1]}` : rounded.format(value)).replace('-', '−');
}

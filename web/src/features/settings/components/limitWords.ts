import type { Limit } from '@/features/settings/api/limits';
import { digits } from '@/lib/number';
import { shortDuration } from '@/lib/time';

const initials: Partial<Record<string, string>> = { api: 'API', http2: 'HTTP/2', id: 'ID', json: 'JSON', resp: 'RESP', sdk: 'SDK', tls: 'TLS', url: 'URL' };

/** The name of a limit in words, without the unit, which its value has: "maxSdkDataBytes" is "Max SDK data", "keptRunsSeconds" is "Kept runs for". */
export function limitWords(name: string): string {
  const words = name.replace(/^(kept\w*)Seconds$/, '$1For').replace(/(Bytes|Seconds)$/, '').split(/(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/).map((word) => word.toLowerCase());
  const text = words.map((word) => initials[word] ?? word).join(' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const units = [[1024 ** 3, 'GiB'], [1024 ** 2, 'MiB'], [1024, 'KiB']] as const;

/** Bytes in the largest unit of which they are a whole number: exact. */
export function bytes(value: number): string {
  const [size, unit] = units.find(([one]) => value >= one && value % one === 0) ?? [1, 'bytes'];
  return `${digits(value / size)} ${unit}`;
}

/** How much room there is, with one digit behind the point: it changes all the time. */
export function room(value: number): string {
  const [size, unit] = units.find(([one]) => value >= one) ?? [1, 'bytes'];
  return `${digits(Math.round((value / size) * 10) / 10)} ${unit}`;
}

/** A limit's value with the unit that its name says. */
export function limitValue({ name, value }: Limit): string {
  if (name.endsWith('Bytes')) return bytes(value);
  if (name.endsWith('Seconds')) return value < 60 ? `${digits(value)} s` : shortDuration(value * 1000);
  return digits(value);
}

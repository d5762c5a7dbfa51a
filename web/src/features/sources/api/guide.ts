import type { Tool } from '@/lib/api/tools';

/** What the guide of a tool leaves open. */
export interface Values {
  environmentId: string;
  contextKind: string;
}

/** A text of a tool's guide with the values of this environment. */
export function filled(text: string, values: Values): string {
  return text.replaceAll('{{environmentId}}', values.environmentId).replaceAll('{{contextKind}}', values.contextKind);
}

/** Why a tool out in the world cannot use an address, or should not. */
export function trouble(address: string): 'loopback' | 'plain' | undefined {
  const { protocol, hostname } = new URL(address);
  if (hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || hostname.startsWith('127.')) return 'loopback';
  return protocol === 'https:' ? undefined : 'plain';
}

export interface TestSync {
  body: string;
  /** The tool's id of the cohort that the test makes: nobody else uses it. */
  cohort: string;
}

/**
 * A test of a tool: the template of its body, whose placeholders are capitals as in COHORT-ID, with
 * values of a cohort that no tool has. Undefined for a tool whose bodies have no template.
 */
export function testSync(tool: Tool, values: Values, link: string, now = Date.now()): TestSync | undefined {
  if (tool.body === undefined) return undefined;
  // Some tools count their cohorts, and their template then has a number.
  const number = now;
  let cohort = `muster-test-${now.toString(36)}`;
  const text = (placeholder: string) => {
    if (/(^|-)NAME$/.test(placeholder)) return testName(tool);
    if (/^[A-Z]+-ID$/.test(placeholder)) return cohort;
    if (/^USER(-\d)?$|^ROW-KEY$/.test(placeholder)) return `muster-test-user${/-\d$/.exec(placeholder)?.[0] ?? ''}`;
    if (placeholder === 'LINK') return link;
    return filled(placeholder, values);
  };
  const counted = /"id": *\d+/.test(tool.body);
  if (counted) cohort = String(number);
  const body: unknown = JSON.parse(tool.body, (_, value: unknown) => {
    if (typeof value === 'string') return text(value);
    return typeof value === 'number' && counted ? number : value;
  });
  return { body: JSON.stringify(body, null, 2), cohort };
}

/** What marks a call as a test: a segment that it makes is deleted after an hour. */
export const testHeader = { 'X-Muster-Test': 'true' };

/** The name of the segment that a test makes. */
export function testName(tool: Tool): string {
  return `Test of ${tool.name}`;
}

/** The call as a line for a shell. */
export function curl(address: string, authorization: string, body: string): string {
  const quoted = (text: string) => `'${text.replaceAll('\'', '\'\\\'\'')}'`;
  return [
    `curl -i -X POST ${quoted(address)}`,
    ...Object.entries({ 'Authorization': authorization, 'Content-Type': 'application/json', ...testHeader }).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    `--data ${quoted(body)}`,
  ].join(' \\\n  ');
}

/** What stands in the header Authorization: the token itself, or the password of a user without a name of use. */
export function authorization(tool: Tool, token: string): string {
  return tool.basicAuthentication ? `Basic ${btoa(`muster:${token}`)}` : token;
}

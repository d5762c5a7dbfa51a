// What every driver is told by the test, and how it reports back: one JSON object a line.

const setting = (name) => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};

export const base = setting('MUSTER_URL');
export const flags = setting('COMPAT_FLAGS').split(',');
export const context = JSON.parse(setting('COMPAT_CONTEXT'));
export const contextKey = context.key;
export const environmentId = setting('COMPAT_ENVIRONMENT');
export { setting };

/** Reports what a flag evaluates to, if it is not what was reported last. */
export const reporter = () => {
  const last = new Map();
  return (flag, value, reason) => {
    const line = JSON.stringify({ flag, value, kind: reason?.kind ?? '', status: reason?.bigSegmentsStatus ?? '' });
    if (last.get(flag) === line) return;
    last.set(flag, line);
    process.stdout.write(`${line}\n`);
  };
};

/** Ends the driver when the test closes its standard input. */
export const untilInputEnds = (close) => {
  process.stdin.resume();
  process.stdin.on('end', async () => {
    await close();
    process.exit(0);
  });
};

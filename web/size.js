// Fails when what a browser loads before the first page is too much, or charts are part of it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const most = 350_000;
const app = join(import.meta.dirname, 'dist/app');
const read = (name) => readFileSync(join(app, name));

/** Every script that index.html loads, and what these import without being asked to. */
function initial() {
  const wanted = [...read('index.html').toString().matchAll(/(?:src|href)="\/ui\/([^"]+\.js)"/g)].map((match) => match[1]);
  const found = new Set();
  while (wanted.length > 0) {
    const name = wanted.pop();
    if (found.has(name)) continue;
    found.add(name);
    const imports = read(name).toString().matchAll(/(?:^|[;}\s])(?:import|export)\s*(?:[^'"();]*?\bfrom\s*)?["']\.\/([^"']+\.js)["']/g);
    for (const match of imports) wanted.push(`assets/${match[1]}`);
  }
  return [...found];
}

const names = initial();
const size = names.reduce((sum, name) => sum + gzipSync(read(name)).length, 0);
console.log(`initial scripts: ${names.length} files, ${Math.round(size / 1000)} kB of at most ${most / 1000} kB, compressed`);
if (size > most) {
  console.error('Too much is loaded before the first page: load pages and heavy parts lazily.');
  process.exit(1);
}
if (names.some((name) => /recharts/.test(read(name).toString()))) {
  console.error('Recharts is loaded before the first page: charts belong in a chunk of their own.');
  process.exit(1);
}

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Plugin } from 'vite';

interface Package {
  name: string;
  version: string;
  licence: string;
  in: 'server' | 'pages';
}

/** Lists what the binary holds of others, with its licences, as licences.json and, with every text, licences.txt. */
export function licences(): Plugin {
  return {
    name: 'muster-licences',
    apply: 'build',
    generateBundle() {
      const folders = new Set([...this.getModuleIds()].map(folderOf).filter((folder) => folder !== undefined));
      // Fonts are no modules but files that a stylesheet names.
      for (const name of Object.keys(manifest(import.meta.dirname).dependencies ?? {})) folders.add(join(import.meta.dirname, 'node_modules', name));
      const packages: Package[] = [];
      const texts = new Map<string, string[]>();
      const add = (one: Omit<Package, 'licence'>, folder: string, licence?: string) => {
        const text = textIn(folder);
        packages.push({ ...one, licence: licence ?? nameOf(text) });
        if (text !== '') texts.set(text, [...(texts.get(text) ?? []), `${one.name} ${one.version}`]);
      };
      for (const folder of folders) {
        const { name, version, license } = manifest(folder);
        add({ name, version, in: 'pages' }, folder, license);
      }
      try {
        for (const { name, version, folder } of goModules()) add({ name, version, in: 'server' }, folder);
      } catch (error) {
        this.warn(`the Go modules are not listed: ${String(error)}`);
      }
      packages.sort((a, b) => (a.name < b.name ? -1 : 1));
      this.emitFile({ type: 'asset', fileName: 'licences.json', source: JSON.stringify({ packages }) });
      const parts = [...texts].map(([text, of]) => `${of.sort().join('\n')}\n\n${text.trim()}\n`);
      this.emitFile({ type: 'asset', fileName: 'licences.txt', source: parts.join(`\n${'-'.repeat(80)}\n\n`) });
    },
  };
}

/** The folder of the package that a module belongs to; undefined for a module of ours. */
function folderOf(id: string): string | undefined {
  return /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
}

function manifest(folder: string) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name: string; version: string; license?: string; dependencies?: Record<string, string> };
}

/** The modules that the server is built from, and Go itself. */
function goModules(): { name: string; version: string; folder: string }[] {
  const go = (...words: string[]) => execFileSync('go', words, { cwd: join(import.meta.dirname, '..'), encoding: 'utf8', maxBuffer: 1 << 26 }).trim();
  const format = '{{with .Module}}{{with .Version}}{{$.Module.Path}}\t{{.}}\t{{$.Module.Dir}}{{end}}{{end}}';
  const lines = new Set(go('list', '-deps', '-f', format, './cmd/muster').split('\n').filter((line) => line !== ''));
  const modules = [...lines].map((line) => {
    const [name = '', version = '', folder = ''] = line.split('\t');
    return { name, version, folder };
  });
  const [version = '', folder = ''] = go('env', 'GOVERSION', 'GOROOT').split('\n');
  return [...modules, { name: 'Go', version: version.replace(/^go/, ''), folder }];
}

function textIn(folder: string): string {
  const file = existsSync(folder) ? readdirSync(folder).find((name) => /^(licen[cs]e|copying)/i.test(name)) : undefined;
  return file === undefined ? '' : readFileSync(join(folder, file), 'utf8');
}

/** The usual name of a licence, known by its words. */
function nameOf(text: string): string {
  const words = text.replace(/\s+/g, ' ');
  if (/Apache License,? Version 2\.0/i.test(words)) return 'Apache-2.0';
  if (/Mozilla Public License,? (Version|v\.) ?2\.0/i.test(words)) return 'MPL-2.0';
  if (/Permission is hereby granted, free of charge/.test(words)) return 'MIT';
  if (/Permission to use, copy, modify, and(\/or)? distribute/.test(words)) return 'ISC';
  if (/Redistribution and use in source and binary forms/.test(words)) return /endorse or promote/.test(words) ? 'BSD-3-Clause' : 'BSD-2-Clause';
  return words === '' ? 'no licence file' : 'see the text';
}

// Makes index.d.ts of the declarations in types/: every member of the table of names is declared under its original name too.
// With --check it only tells whether index.d.ts is what it would make.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { members, statics, exported } = createRequire(import.meta.url)('../lib/names.cjs');
const sources = ['freesmtp', 'message'].map((name) => new URL(`../types/${name}.d.ts`, import.meta.url));
const target = new URL('../index.d.ts', import.meta.url);

const CLASS = /^export (?:declare class|interface) (\w+)/;
const MEMBER = /^ {2}(static |get |set )?(\w+)(?=[(:?])/;

/** The lines of the declarations with the original names put in. */
function* doubled(lines) {
  let owner;
  let pending = [];
  let missing = new Set();
  let declaration = [];
  for (const line of lines) {
    const opened = CLASS.exec(line);
    if (opened) {
      owner = opened[1];
      missing = new Set([...Object.keys(members[owner] ?? {}), ...Object.keys(statics[owner] ?? {})]);
    }
    if (owner && line === '}') {
      yield* pending;
      pending = [];
      if (missing.size > 0) {
        throw new Error(`${owner} does not declare ${[...missing].join(', ')}`);
      }
      owner = undefined;
    }
    yield line;
    if (!owner) {
      continue;
    }
    declaration.push(line);
    if (line.endsWith(';')) {
      pending.push(...original(owner, declaration, missing));
      declaration = [];
    } else if (/^\s*\/?\*|\{$/.test(line)) {
      declaration = [];
    }
  }
  for (const [name, alias] of Object.entries(exported)) {
    const isClass = !/^[a-z]/.test(name);
    yield '';
    yield `/** The original name of {@link ${name}}. */`;
    yield `export declare const ${alias}: typeof ${name};`;
    if (isClass) {
      yield `export type ${alias} = ${name};`;
    }
  }
}

/** One declaration under its original name. */
function original(owner, declaration, missing) {
  const [first, ...rest] = declaration;
  const [, kind = '', name = ''] = MEMBER.exec(first) ?? [];
  const names = (kind === 'static ' ? statics : members)[owner] ?? {};
  if (!Object.hasOwn(names, name)) {
    return [];
  }
  missing.delete(name);
  const doc = kind === 'set ' ? [] : [`  /** The original name of \`${name}\`. */`];
  return [...doc, first.replace(MEMBER, (whole) => whole.slice(0, -name.length) + names[name]), ...rest];
}

const lines = sources.map((source) => readFileSync(source, 'utf8').trimEnd()).join('\n\n').split('\n');
const head = '// Made by scripts/types.mjs from types/*.d.ts and lib/names.cjs.';
const made = [head, ...doubled(lines), ''].join('\n');
if (!process.argv.includes('--check')) {
  writeFileSync(target, made);
} else if (readFileSync(target, 'utf8') !== made) {
  console.error('index.d.ts is not what scripts/types.mjs makes; run: npm run types');
  process.exitCode = 1;
}

// The package as it is published: packed, installed into an empty project, loaded both ways.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { folder, freesmtp } from './support.mjs';

const root = fileURLToPath(new URL('../../node/', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

test('one version in Cargo.toml, package.json, the lock file and the library', () => {
  const cargo = readFileSync(join(root, '../Cargo.toml'), 'utf8');
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const [, version] = /\[workspace\.package\]\s+version = "([^"]+)"/.exec(cargo);
  assert.deepEqual([manifest.version, lock.version, freesmtp.version], [version, version, version]);
});

test('installed into an empty project it loads with require and import', (t) => {
  const place = folder(t);
  const options = { cwd: place, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] };
  const npm = (...given) => execFileSync('npm', given, options);
  writeFileSync(join(place, 'package.json'), '{ "private": true }');
  const [{ filename }] = JSON.parse(npm('pack', root, '--json', '--ignore-scripts'));
  npm('install', '--offline', '--no-audit', '--ignore-scripts', `./${filename}`);
  const run = (file, code) => {
    writeFileSync(join(place, file), code);
    return execFileSync(process.execPath, [file], { cwd: place, encoding: 'utf8' }).trim();
  };
  const use = "const m = new EmailMessage('a@b.test', 'c@d.test', 'S', 'T'); m.toBytes(); console.log(version);";
  assert.equal(run('a.cjs', `const { EmailMessage, version } = require('freesmtp'); ${use}`), freesmtp.version);
  assert.equal(run('b.mjs', `import { EmailMessage, version } from 'freesmtp'; ${use}`), freesmtp.version);
});

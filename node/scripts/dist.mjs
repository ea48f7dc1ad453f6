// Makes what npm gets, in the folder that is given: the package of this platform, built here, and the package `freesmtp`,
// which asks for the one of the user's platform. Packages of other platforms that lie in its folder `npm` are asked for too.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const package_ = fileURLToPath(new URL('..', import.meta.url));
const repository = join(package_, '..');
const out = resolve(process.argv[2] ?? join(repository, 'dist'));
const staged = join(package_, 'build');
const platforms = join(out, 'npm');

const run = (command, given, cwd = package_) => execFileSync(command, given, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
const napi = (...given) => run(join(package_, 'node_modules/.bin/napi'), given);
const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
const write = (path, value) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
const LICENSES = ['LICENSE', 'LICENSE-MIT', 'LICENSE-APACHE'];
/** A package's manifest, and its licenses. */
const finish = (folder, { files, ...manifest }) => {
  LICENSES.forEach((name) => copyFileSync(join(repository, name), join(folder, name)));
  write(join(folder, 'package.json'), { ...manifest, files: [...new Set([...files, ...LICENSES])] });
};
const pack = (folder) => run('npm', ['pack', '--silent', '--pack-destination', out], folder);

rmSync(staged, { recursive: true, force: true });
mkdirSync(platforms, { recursive: true });

// This platform's library, with a TLS of its own: whoever installs it need not have the one that we have. Not with `--strip`,
// which is a flag for every crate: all would be built once more beside that of the wheel. Cargo's profile strips it.
napi('build', '--platform', '--release', '--no-js', '--dts', 'native.d.ts', '--features', 'vendored', '--output-dir', join(staged, 'native'),
  '--', '--locked');
napi('create-npm-dirs', '--npm-dir', join(staged, 'platforms'));
for (const file of readdirSync(join(staged, 'native')).filter((name) => name.endsWith('.node'))) {
  const [, platform] = /^freesmtp\.(.+)\.node$/.exec(file);
  const folder = join(platforms, platform);
  cpSync(join(staged, 'platforms', platform), folder, { recursive: true });
  copyFileSync(join(staged, 'native', file), join(folder, file));
  finish(folder, read(join(folder, 'package.json')));
}

// The package that programs install.
const main = join(staged, 'freesmtp');
const { scripts, devDependencies, overrides, napi: config, ...manifest } = read(join(package_, 'package.json'));
manifest.files = manifest.files.filter((name) => !name.endsWith('.node'));
manifest.optionalDependencies = {};
for (const platform of readdirSync(platforms).filter((name) => existsSync(join(platforms, name, 'package.json')))) {
  const { name, version } = read(join(platforms, platform, 'package.json'));
  if (version !== manifest.version) {
    throw new Error(`${join(platforms, platform)} is of version ${version}, not ${manifest.version}: remove it or build it anew`);
  }
  manifest.optionalDependencies[name] = version;
  pack(join(platforms, platform));
}
mkdirSync(main);
for (const name of ['index.cjs', 'index.mjs', 'index.d.ts', 'index.d.mts', 'nodemailer.mjs', 'nodemailer.d.ts', 'nodemailer.d.mts', 'README.md']) {
  copyFileSync(join(package_, name), join(main, name));
}
cpSync(join(package_, 'lib'), join(main, 'lib'), { recursive: true, filter: (path) => !path.endsWith('.d.ts') });
finish(main, manifest);
pack(main);

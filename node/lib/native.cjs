// Loads the native half: the file beside this package, else the package of this platform.
'use strict';

const { arch, platform } = process;

// A musl system has no glibc to name; a library built for the other one fails in ways that nobody understands.
const libc = () => (process.report.getReport().header.glibcVersionRuntime ? '-gnu' : '-musl');
const abi = { linux: libc, win32: () => '-msvc' }[platform] ?? (() => '');
const target = `${platform}-${arch}${abi()}`;

function load() {
  const failures = [];
  for (const place of [`../freesmtp.${target}.node`, `freesmtp-${target}`]) {
    try {
      return require(place);
    } catch (error) {
      failures.push(error);
    }
  }
  const reasons = failures.map((error) => error.message.split('\n', 1)[0]);
  throw new AggregateError(failures, `freesmtp has no native library for ${target}: ${reasons.join('; ')}`);
}

module.exports = load();

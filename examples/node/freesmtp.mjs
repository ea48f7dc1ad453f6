// What `import … from 'freesmtp'` finds in this folder: the package of this source tree, without an installation.
// A program of your own installs the package, and needs neither this file nor the name in package.json.
export * from '../../node/index.mjs';
export { default } from '../../node/index.mjs';

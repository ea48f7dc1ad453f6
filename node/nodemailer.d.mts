// The same declarations for `import`.
export * from './nodemailer.js';

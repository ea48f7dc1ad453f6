// The transport for nodemailer, for `import`.
import transport from './lib/nodemailer/transport.cjs';

export const { FreeSmtpTransport } = transport;

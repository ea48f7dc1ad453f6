import { EventEmitter } from 'node:events';
import type { Diagnosis, EmailMessage, Given, Report, SMTP, SMTPServerSettings } from './index.js';

/** Properties of a server that nodemailer has no option for. */
type ServerOptions = Omit<SMTPServerSettings, 'name' | 'port' | 'timeout' | 'account' | 'password' | 'proxy' | 'lmtp'>;
/** Settings of {@link SMTP} that nodemailer has no option for. */
type ObjectOptions = Partial<Pick<SMTP, 'logFile' | 'defaultDomain' | 'allOrNothing'>> & {
  logOptions?: Partial<SMTP['logOptions']>;
  timeouts?: Partial<SMTP['timeouts']>;
};

/** Who logs in. */
export interface AuthOptions {
  /** `login` is the default: with the strongest mechanism that the server offers. */
  type?: 'login' | 'LOGIN' | 'oauth2' | 'OAuth2' | 'OAUTH2';
  user?: string;
  pass?: string;
  /** One mechanism, such as `PLAIN`, instead of the strongest one. */
  method?: string;
  /** A token; or `clientId`, `refreshToken` and the like, from which nodemailer gets one. */
  accessToken?: string;
  [option: string]: unknown;
}

/**
 * The options of nodemailer's SMTP transports, and properties of `SMTPServer` and {@link SMTP} beside them. An
 * option that is not known is an error.
 */
export interface FreeSmtpTransportOptions extends ServerOptions, ObjectOptions {
  /** `localhost` at first. */
  host?: string;
  /** 587 at first; 465 when `secure`. */
  port?: number | string;
  /** TLS from the first byte. True on port 465 at first. */
  secure?: boolean;
  /** STARTTLS, or an error. On at first when there is a login and the host is not this machine. */
  requireTLS?: boolean;
  /** Clear text. A password is then sent only with `allowPlaintextAuth`. */
  ignoreTLS?: boolean;
  /** STARTTLS when it is offered. */
  opportunisticTLS?: boolean;
  tls?: { rejectUnauthorized?: boolean; ca?: string | Buffer | Array<string | Buffer>; servername?: string; minVersion?: string };
  auth?: AuthOptions;
  authMethod?: string;
  /** The EHLO name. */
  name?: string;
  localAddress?: string;
  /** Milliseconds, as the next two. */
  connectionTimeout?: number;
  greetingTimeout?: number;
  /** Without an answer, and without progress while the message is sent. */
  socketTimeout?: number;
  lmtp?: boolean;
  /** `socks5://host:1080` or `http://host:3128`. */
  proxy?: string;
  /** Connections are kept with and without it. */
  pool?: boolean;
  /** Messages that are sent at the same time; others wait. 5 at first. */
  maxConnections?: number;
  /** Messages for each connection; at first as many as come. */
  maxMessages?: number;
  /** Messages in each `rateDelta`. */
  rateLimit?: number;
  /** Milliseconds; 1000 at first. */
  rateDelta?: number;
  url?: string;
  /** A well-known service, by nodemailer's list. */
  service?: string;
  /** true, or a logger in the form of Bunyan's: it gets the conversation, without secrets. */
  logger?: boolean | object;
  component?: string;
}

/** A recipient that was refused. */
export interface RejectedError extends Error {
  code: string;
  recipient: string;
  response: string;
  responseCode: number;
  permanent: boolean;
  command: string;
  diagnosis: Diagnosis | null;
}

/** What `sendMail` answers. */
export interface FreeSmtpSentMessageInfo {
  envelope: { from: string | false; to: string[] };
  messageId: string;
  accepted: string[];
  rejected: string[];
  rejectedErrors?: RejectedError[];
  /** The reply after the end of the message. */
  response: string;
  /** Milliseconds for all of it. */
  messageTime: number;
  /** Bytes. */
  messageSize: number;
  /** All that is known. */
  report: Report;
}

/** What a message may have beside nodemailer's data: properties of {@link EmailMessage} that say how it is delivered. */
export type FreeSmtpMessageOptions = Partial<Pick<Given<EmailMessage>,
  'envelopeId' | 'returnContent' | 'requireTls' | 'deliverBy' | 'deliverByMode' | 'deliverByTrace' | 'holdFor' | 'holdUntil'
  | 'mtPriority' | 'optionalExtensions'>>;

/**
 * Sends nodemailer's messages over kept connections: `createTransport(new FreeSmtpTransport({ host, auth }))`.
 *
 * Errors are {@link SMTPError}s with nodemailer's fields beside their own: `code`, `response`, `responseCode`, `command`,
 * `permanent`, `rejected`, `rejectedErrors`. Events: `idle` when another message would be sent at once, `close` after the end.
 */
export declare class FreeSmtpTransport extends EventEmitter {
  constructor(options?: FreeSmtpTransportOptions | string);
  readonly name: string;
  readonly version: string;
  readonly supportsAbortSignal: true;
  readonly options: FreeSmtpTransportOptions;
  mailer?: any;
  /** For nodemailer; programs call `sendMail`. */
  send(mail: unknown, callback: (error: Error | null, info: FreeSmtpSentMessageInfo) => void): void;
  /** Connects and logs in, and sends nothing. */
  verify(): Promise<true>;
  verify(callback: (error: Error | null, success: true) => void): void;
  /** Whether a message would be sent at once. */
  isIdle(): boolean;
  /** Ends the connections; messages that are being sent are sent, those that wait are not. */
  close(): void;
}

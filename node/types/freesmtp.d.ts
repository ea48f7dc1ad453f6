/**
 * freesmtp: compose a message, send it to an SMTP server, and know why when it fails.
 *
 * Every member answers to its original name too: `smtp.LogFile` is `smtp.logFile`.
 */

/// <reference types="node" />

/** The value of an enum, by number or by its name in any case. */
export type Choice = number | string;
/** A path, or a `file:` URL. */
export type Path = string | URL;
/** What an attachment is made of: a file, opened when the message is sent, or bytes, copied when they are added. */
export type Source = Path | Uint8Array;
/** Gives an access token; `refresh` says that the server refused the one before. */
export type TokenFunction = (refresh: boolean) => string | PromiseLike<string>;
/** Some of the settable properties of a record, to make one of them. */
export type Given<T> = {
  [K in keyof T as T[K] extends (...given: never[]) => unknown ? never : K]?: T[K] extends number
    ? Choice
    : T[K] extends string | null
      ? Path | null
      : T[K];
};

export declare const RecipientType: { readonly To: 0; readonly CC: 1; readonly BCC: 2 };
export declare const BodyPartFormat: { readonly Plain: 0; readonly HTML: 1 };
export declare const BodyPartEncoding: {
  readonly None: 0;
  readonly QuotedPrintable: 2;
  readonly Base64: 3;
  readonly Auto: 4;
};
export declare const Priority: { readonly High: 1; readonly Normal: 3; readonly Low: 5 };
export declare const SMTPAuthMode: {
  readonly None: 0;
  readonly AuthLogin: 1;
  readonly CramMD5: 2;
  readonly SASL: 4;
  readonly Plain: 16;
  readonly DigestMD5: 17;
  readonly ScramSHA1: 18;
  readonly ScramSHA256: 19;
  readonly ScramSHA512: 20;
  readonly ScramMD5: 21;
  readonly NTLM: 22;
  readonly XOAuth2: 23;
  readonly OAuthBearer: 24;
  readonly External: 25;
  readonly Anonymous: 26;
  readonly Auto: 27;
};
export declare const Security: {
  readonly None: 0;
  readonly Opportunistic: 1;
  readonly Required: 2;
  readonly Implicit: 3;
  readonly Auto: 4;
};

/** The version of the library. */
export declare const version: string;

/** An array with the members of the original. */
export declare class Collection<Item, Arguments extends unknown[]> extends Array<Item> {
  /** How many items there are. */
  get count(): number;
  /** Adds an item, or one made of the arguments of its constructor, and gives it back. */
  add(...given: Arguments): Item;
  /** Takes an item out, named by itself or by its place, and gives it back. */
  remove(which: Item | number): Item;
  /** The item that was added last. */
  getLastItem(): Item | undefined;
}

/** Sends messages to the first of its servers that takes them, and keeps the connection for the next message. */
export declare class SMTP {
  /** `server`: a host name, `host:port`, a URL such as `smtps://user:password@host:465`, or the server's settings. */
  constructor(server?: string | SMTPServer | SMTPServerSettings);
  /** Sends a text to one recipient with the defaults of everything else. */
  static quickSend(
    smtpServerName: string,
    recipientEmail: string,
    fromEmail: string,
    subject: string,
    bodyText: string,
    bodyPartFormat?: Choice,
  ): Promise<Report>;
  /** The servers, tried in order. */
  get smtpServers(): SMTPServers;
  /**
   * The conversation is appended to this file, secrets removed; empty for none.
   * Throws `FileIOError` at once when the folder does not exist.
   */
  get logFile(): string;
  set logFile(value: Path);
  /** The name given in EHLO; empty for this host's own. */
  get defaultDomain(): string;
  set defaultDomain(value: string);
  /** The limit of every phase in seconds; null when they differ, as they do at first. */
  get defaultTimeout(): number | null;
  set defaultTimeout(value: number);
  /** The limit of each phase in seconds. */
  get timeouts(): Timeouts;
  set timeouts(value: Partial<Pick<Timeouts, 'connect' | 'greeting' | 'command' | 'dataBlock' | 'endOfData'>>);
  /** Whether nothing is sent when one recipient is refused. */
  get allOrNothing(): boolean;
  set allOrNothing(value: boolean);
  /** Whether a connection is kept for the next message. */
  get connected(): boolean;
  /** The version of the library. */
  get version(): string;
  /**
   * Sends; fulfilled when at least one recipient was accepted, else rejected with an `SMTPError`.
   * The message is copied when this is called: what is changed later is not in it.
   */
  send(message: EmailMessage, options?: SendOptions): Promise<Report>;
  /** The same, and nothing else runs in this thread until it is done. */
  sendSync(message: EmailMessage): Report;
  /** Opens a connection, logs in, and keeps it for the next message. */
  connect(): Promise<void>;
  /** Ends the kept connections. */
  disconnect(): Promise<void>;
  /** Cancels everything of this object that is under way. */
  cancel(): void;
  /** Sends one command such as `VRFY postmaster` and gives the reply, whatever its code is. */
  sendSMTPCommand(command: string): Promise<Reply>;
  /** Forgets servers, log and settings at once; fulfilled when the kept connections have ended. */
  reset(): Promise<void>;
}

/** Options of a send. */
export interface SendOptions {
  /** Ends the send: it is rejected with `Cancelled`, whose `cause` is the signal's reason. */
  signal?: AbortSignal;
}

/** The limits of the phases, in seconds; setting one sets it in the SMTP object. */
export declare class Timeouts {
  private constructor();
  /** For one address to accept the connection, and for a TLS handshake. */
  get connect(): number;
  set connect(value: number);
  /** From the open connection to the greeting. */
  get greeting(): number;
  set greeting(value: number);
  /** From a command to its reply. */
  get command(): number;
  set command(value: number);
  /** For the network to take any further bytes of what is being sent. */
  get dataBlock(): number;
  set dataBlock(value: number);
  /** From the end of the message to the server's reply. */
  get endOfData(): number;
  set endOfData(value: number);
}

/** Settings of a server; original names are taken too. */
export type SMTPServerSettings = Given<SMTPServer>;

/** Where to send, and how. */
export declare class SMTPServer {
  constructor(name?: string, port?: number, timeout?: number | null, authMode?: Choice, account?: string, password?: string);
  constructor(settings: SMTPServerSettings);
  /** Reads a host name, `host:port` or a URL. */
  static parse(address: string): SMTPServer;
  /** Host name or address. */
  get name(): string;
  set name(value: string);
  /** TCP port; 0 means 465 for implicit TLS, 587 when an account is set, else 25. */
  get port(): number;
  set port(value: number);
  /** Seconds for each phase, in place of those of the SMTP object; null for those. */
  get timeout(): number | null;
  set timeout(value: number | null | undefined);
  /** How to log in: a value of `SMTPAuthMode`. */
  get authMode(): number;
  set authMode(value: Choice);
  /** User name; empty for no login. */
  get account(): string;
  set account(value: string);
  /** Password; never shown by `inspect` or JSON. */
  get password(): string;
  set password(value: string);
  /** The SASL mechanism to use with `SMTPAuthMode.SASL`; empty for the strongest offered. */
  get sasl(): string;
  set sasl(value: string);
  /**
   * OAuth access token for OAUTHBEARER and XOAUTH2, or a function that gets one; never shown by `inspect` or JSON.
   * Empty for none; it goes before the password.
   *
   * The function is called when a session logs in, and once more with `refresh` when the server refuses its token.
   * What it throws is the `cause` of the `SMTPAuthenticationError`. `sendSync` cannot wait for a promise.
   */
  get token(): string | TokenFunction;
  set token(value: string | TokenFunction);
  /** The `AUTH=` parameter of MAIL (RFC 4954 section 5): a mailbox, empty for nobody known; null for no parameter. */
  get mailAuth(): string | null;
  set mailAuth(value: string | null | undefined);
  /** Local address to connect from. */
  get localEndPoint(): string | null;
  set localEndPoint(value: string | null | undefined);
  /** How the connection is protected: a value of `Security`. */
  get security(): number;
  set security(value: Choice);
  /** PEM file of authorities to trust besides those of the system. */
  get caFile(): string | null;
  set caFile(value: Path | null | undefined);
  /** Client certificate: a PEM file, intermediate certificates behind it, or a PKCS#12 file without password. */
  get clientCertificate(): string | null;
  set clientCertificate(value: Path | null | undefined);
  /** Key of the client certificate: a PEM file, PKCS#8, not encrypted; null when it is in the certificate's file. */
  get clientKey(): string | null;
  set clientKey(value: Path | null | undefined);
  /** The name that the certificate must be for; empty for `name`. */
  get tlsServerName(): string;
  set tlsServerName(value: string);
  /** Oldest TLS version accepted: `1.0`, `1.1` or `1.2`. */
  get minTlsVersion(): string;
  set minTlsVersion(value: string);
  /** PLAIN and LOGIN may send the password in clear text. */
  get allowPlaintextAuth(): boolean;
  set allowPlaintextAuth(value: boolean);
  /** EHLO keywords to ignore. */
  get disabledExtensions(): readonly string[];
  set disabledExtensions(value: readonly string[]);
  /** Takes any certificate: whoever is on the way can read and change everything. */
  get dangerAcceptInvalidCerts(): boolean;
  set dangerAcceptInvalidCerts(value: boolean);
  /** Takes a certificate for any name: whoever has a certificate can be on the way. */
  get dangerAcceptInvalidHostnames(): boolean;
  set dangerAcceptInvalidHostnames(value: boolean);
}

export declare class SMTPServers extends Collection<
  SMTPServer,
  | [server: SMTPServer | SMTPServerSettings]
  | [name: string, port?: number, timeout?: number | null, authMode?: Choice, account?: string, password?: string]
> {}

/** A message: who, to whom, what. It may hold anything while it is built, and is checked when it is sent. */
export declare class EmailMessage {
  constructor(recipientEmail?: string, fromEmail?: string, subject?: string, bodyText?: string, bodyPartFormat?: Choice);
  /** Who it is from. Required. */
  get from(): Address;
  set from(value: Address | Given<Address> | string);
  /** Where answers go, when not to `from`. */
  get replyTo(): Address;
  set replyTo(value: Address | Given<Address> | string);
  /** Who sends on behalf of `from` (RFC 5322 section 3.6.2). */
  get sender(): Address;
  set sender(value: Address | Given<Address> | string);
  /** The envelope's sender, where bounces go; null for `sender`, else `from`; empty for the null reverse-path. */
  get returnPath(): string | null;
  set returnPath(value: string | null | undefined);
  /** One line. */
  get subject(): string;
  set subject(value: string);
  /** A value of `Priority`. */
  get priority(): number;
  set priority(value: Choice);
  /** `local@domain`; null to have one made. */
  get messageId(): string | null;
  set messageId(value: string | null | undefined);
  /** Null for the time of sending. */
  get date(): Date | null;
  set date(value: Date | null | undefined);
  /** Charset of the bodies. */
  get charsetEncoding(): string;
  set charsetEncoding(value: string);
  /** To whom. */
  get recipients(): Recipients;
  /** The texts: plain and HTML are alternatives of each other. */
  get bodyParts(): BodyParts;
  /** Files beside the text. */
  get attachments(): Attachments;
  /** Files that the HTML text shows by `cid:` and their `contentId`. */
  get embeddedObjects(): EmbeddedObjects;
  /** Further headers, in this order. */
  get customHeaders(): CustomHeaders;
  /** The message as it would be sent. Reads attached files before it returns. */
  toBytes(): Buffer;
  /** Writes the message to a file before it returns. */
  saveMessage(fileName: Path): void;
  /** Makes it an empty message again. */
  reset(): void;
}

/** A mailbox and its name. */
export declare class Address {
  constructor(email?: string, name?: string);
  constructor(given: Given<Address>);
  /** `user@example.com` */
  get email(): string;
  set email(value: string);
  /** The name shown to people. */
  get name(): string;
  set name(value: string);
}

/** A recipient. */
export declare class Recipient {
  constructor(email?: string, name?: string, type?: Choice);
  constructor(given: Given<Recipient>);
  /** `user@example.com` */
  get email(): string;
  set email(value: string);
  /** The name shown to people. */
  get name(): string;
  set name(value: string);
  /** A value of `RecipientType`. */
  get type(): number;
  set type(value: Choice);
}

export declare class Recipients extends Collection<
  Recipient,
  [recipient: Recipient | Given<Recipient>] | [email: string, name?: string, type?: Choice]
> {}

/** A text of a message. */
export declare class BodyPart {
  constructor(body?: string, format?: Choice, encoding?: Choice);
  constructor(given: Given<BodyPart>);
  /** The text. */
  get body(): string;
  set body(value: string);
  /** A value of `BodyPartFormat`. */
  get format(): number;
  set format(value: Choice);
  /** A value of `BodyPartEncoding`. */
  get encoding(): number;
  set encoding(value: Choice);
}

export declare class BodyParts extends Collection<
  BodyPart,
  [part: BodyPart | Given<BodyPart>] | [body: string, format?: Choice, encoding?: Choice]
> {}

/** A file or bytes, beside the text. */
export declare class Attachment {
  constructor(source?: Source, displayName?: string | null);
  constructor(given: Given<Attachment>);
  /** Where the bytes come from. */
  set source(value: Source);
  /** The path of the file; null for bytes. */
  get fileName(): string | null;
  set fileName(value: Path | null | undefined);
  /** The file name that the recipient sees; null for that of the file. */
  get displayName(): string | null;
  set displayName(value: string | null | undefined);
  /** The media type; null for that of the name's extension. */
  get contentType(): string | null;
  set contentType(value: string | null | undefined);
  /** The identifier that HTML names as `cid:…`. */
  get contentId(): string | null;
  set contentId(value: string | null | undefined);
}

/** A file or bytes that the HTML text shows. */
export declare class EmbeddedObject extends Attachment {
  constructor(source?: Source, contentId?: string | null, displayName?: string | null);
  constructor(given: Given<Attachment>);
}

export declare class Attachments extends Collection<
  Attachment,
  [attachment: Attachment | Given<Attachment>] | [source: Source, displayName?: string | null]
> {}

export declare class EmbeddedObjects extends Collection<
  EmbeddedObject,
  [object: EmbeddedObject | Given<Attachment>] | [source: Source, contentId: string, displayName?: string | null]
> {}

/** A header of the program's own. */
export declare class CustomHeader {
  constructor(name?: string, value?: string);
  constructor(given: Given<CustomHeader>);
  /** The name. */
  get name(): string;
  set name(value: string);
  /** The value: one line. */
  get value(): string;
  set value(value: string);
}

export declare class CustomHeaders extends Collection<
  CustomHeader,
  [header: CustomHeader | Given<CustomHeader>] | [name: string, value: string]
> {}

/** What became of the message for one recipient. */
export interface RecipientResult {
  /** The address as it was given. */
  email: string;
  status: 'accepted' | 'deferred' | 'refused' | 'unknown';
  /** The phase in which that was decided. */
  stage: Stage;
  /** 0 when no reply decided. */
  replyCode: number;
  /** Such as `5.7.1` (RFC 3463). */
  enhancedCode: string | null;
  replyText: string;
  /** Why, and what to do, unless accepted. */
  diagnosis: Diagnosis | null;
}

/** The TLS session; what the platform's TLS does not tell is null. */
export interface TlsInfo {
  version: string | null;
  cipher: string | null;
  certificateSubject: string | null;
  /** When the server's certificate expires. */
  certificateNotAfter: Date | null;
}

/** What a send answers. */
export interface Report {
  /** One entry for each recipient, in the order of the message. */
  recipients: RecipientResult[];
  /** The reply after the end of the message; its text usually names the server's queue id. */
  replyCode: number;
  replyText: string;
  /** With its angle brackets. */
  messageId: string;
  /** Bytes of the message. */
  size: number;
  /** Host and port: `mail.example.com:587`. */
  server: string;
  /** The address that was connected to. */
  peerAddress: string | null;
  /** Null for clear text. */
  tls: TlsInfo | null;
  /** The mechanism that logged in; null for no login. */
  authMechanism: string | null;
  /** Seconds. */
  elapsed: number;
  /** Trouble that did not stop the mail. */
  warnings: string[];
  /** The conversation, secrets removed. */
  transcript: string[];
}

/** The reply to one command. */
export interface Reply {
  code: number;
  /** Without the code. */
  lines: string[];
  text: string;
  enhancedCode: string | null;
}

/** A phase of the session. */
export type Stage =
  | 'COMPOSE' | 'RESOLVE' | 'CONNECT' | 'EHLO' | 'STARTTLS' | 'AUTH'
  | 'MAIL' | 'RCPT' | 'DATA' | 'EOM' | 'COMMAND' | 'QUIT';

/** Why something failed, and what to do. */
export interface Diagnosis {
  /** Stable: programs may branch on it. `relay-denied`, `auth-failed`, … */
  cause: string;
  /** Who must act: `sender-code`, `sender-account`, `server-admin`, `recipient`, `network`, `nobody-retry`. */
  who: string;
  /** One sentence. */
  summary: string;
  /** What to do; several ways are separated by `\n`. */
  remedy: string;
  /** The server's words, or the facts. */
  evidence: string;
  /** Seconds to wait before the next attempt. */
  retryAfter: number | null;
  /** The RFC section, or the page that the server named. */
  reference: string | null;
}

/** What is known of the session beside the reply; the more, the better the diagnosis. */
export interface DiagnosisContext {
  /** The host name that was asked for. */
  host?: string;
  port?: number;
  /** The host name in the greeting. */
  greetingHost?: string;
  /** The lines of the EHLO reply after the first: `AUTH LOGIN`, `SIZE 1000`. */
  offered?: readonly string[];
  /** An account was set. */
  credentialsSet?: boolean;
  authenticated?: boolean;
  tls?: boolean;
  user?: string;
  /** The SASL mechanism. */
  mechanism?: string;
  localAddress?: string;
  ehloName?: string;
  /** The address of MAIL FROM. */
  sender?: string;
  /** The address of RCPT TO. */
  recipient?: string;
  /** Bytes. */
  messageSize?: number;
  recipientCount?: number;
  messageId?: string;
}

/** Why a server gave this reply, such as `550 5.7.1 Relaying denied`, at this stage, and what to do. */
export declare function diagnose(reply: string, stage?: Stage | null, context?: DiagnosisContext): Diagnosis;

/** Base of every error. `message` is for a person: the sentence, the server, the diagnosis. */
export declare class SMTPError extends Error {
  protected constructor();
  /** `EAUTH` and the like, one for each kind. */
  code: string;
  /** The stable name of the kind: `authentication`, `recipients-refused` … */
  kind: string;
  /** The stable number of the kind. */
  number: number;
  /** The phase of the session. */
  stage: Stage;
  /** What happened, in one sentence, without the diagnosis. */
  reason: string;
  /** The property that holds the bad input, such as `Recipients[2].Email`. */
  field: string | null;
  /** 0 when there was no reply. */
  replyCode: number;
  /** Such as `5.7.1` (RFC 3463). */
  enhancedCode: string | null;
  replyText: string;
  /** One entry for each recipient, when the transaction got that far. */
  recipients: RecipientResult[];
  /** Host and port of the server. */
  server: string | null;
  /** Whether the same call may succeed later without a change. */
  isTemporary: boolean;
  diagnosis: Diagnosis | null;
  /** The last lines of the conversation, secrets removed. */
  transcript: string[];
  /** To search for when the outcome is unknown. */
  messageId: string | null;
  /** The failures of the servers that were tried before the last one. */
  others: SMTPError[];
  /** The operating system's error, what the function of `Token` threw, or the reason of the `AbortSignal`. */
  cause?: unknown;
  toJSON(): Record<string, unknown>;
}

/** DNS, connection, TLS, proxy or timeout. */
export declare class SMTPConnectionError extends SMTPError {}
/** The login was refused, or there is no way to log in. */
export declare class SMTPAuthenticationError extends SMTPError {}
/** The server refused a command, or broke the protocol. */
export declare class SMTPProtocolError extends SMTPError {}
/** Every recipient was refused. */
export declare class SMTPRecipientsRefused extends SMTPError {}
/** The connection broke after the whole message was sent: it may have been delivered. */
export declare class SMTPOutcomeUnknown extends SMTPError {}
/** The message or a setting is not valid; nothing was sent. */
export declare class MessageError extends SMTPError {}
/** A file could not be opened, read or written. */
export declare class FileIOError extends SMTPError {}
/** The spool could not take the message. */
export declare class SpoolError extends SMTPError {}
/** The program cancelled the operation. */
export declare class Cancelled extends SMTPError {}

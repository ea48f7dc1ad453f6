/**
 * freesmtp: compose a message, send it to an SMTP server, and know why when it fails.
 *
 * Every member answers to its original name too: `smtp.LogFile` is `smtp.logFile`.
 */

/// <reference types="node" />

import { EventEmitter } from 'node:events';

/** What a property takes that holds a value of an enum: the number, or the name. (In JavaScript any case of it will do.) */
export type Choice<Enum> = Enum[keyof Enum] | NameOf<Enum> | Lowercase<NameOf<Enum>> | Uppercase<NameOf<Enum>>;
type NameOf<Enum> = keyof Enum & string;
/** A path, or a `file:` URL. */
export type Path = string | URL;
/** What gives bytes piece by piece: a `Readable`, or an iterable of Buffers in either way. */
export type ByteStream = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
/**
 * What an attachment is made of: a file, opened when the message is sent; bytes or a message, copied when they are added; or
 * a stream, read while the message is sent.
 */
export type Source = Path | Uint8Array | EmailMessage | ByteStream;
/** Gives an access token; `refresh` says that the server refused the one before. */
export type TokenFunction = (refresh: boolean) => string | PromiseLike<string>;
/** Some of the settable properties of a record, to make one of them. */
export type Given<T> = {
  [K in keyof T as T[K] extends (...given: never[]) => unknown ? never : K]?: Uncapitalize<K & string> extends keyof Taken
    ? Taken[Uncapitalize<K & string>]
    : T[K];
};
/** What the properties take that give something else than they take. */
interface Taken {
  authMode: AuthModeChoice;
  bodyCanonicalization: Choice<typeof Canonicalization>;
  caFile: Path | null;
  caPem: string | Uint8Array | null;
  clientCertificate: Path | null;
  clientKey: Path | null;
  deliverByMode: Choice<typeof DeliverByMode>;
  encoding: EncodingChoice;
  fileName: Path | null;
  filename: Path | null;
  format: Choice<typeof BodyPartFormat>;
  headerCanonicalization: Choice<typeof Canonicalization>;
  notify: NotifyChoice;
  returnContent: Choice<typeof ReturnContent>;
  security: Choice<typeof Security>;
  type: Choice<typeof RecipientType>;
  validSinceAction: Choice<typeof ValidSinceAction>;
}
/** How to log in, also by the name of the SASL mechanism. */
export type AuthModeChoice =
  | Choice<typeof SMTPAuthMode>
  | 'login' | 'cram-md5' | 'digest-md5' | 'scram-sha-1' | 'scram-sha-256' | 'scram-sha-512' | 'scram-md5';
/** How a text travels, also by its name in MIME. */
export type EncodingChoice = Choice<typeof BodyPartEncoding> | 'quoted-printable';
/** Values of `Notify` joined with `|`, or their names, separated by commas: `'success,failure'`. */
export type NotifyChoice = number | string;

/** Which header names a recipient; none for BCC. */
export declare const RecipientType: { readonly To: 0; readonly CC: 1; readonly BCC: 2 };
/** One of them. */
export type RecipientType = (typeof RecipientType)[keyof typeof RecipientType];
/** What kind of text it is. */
export declare const BodyPartFormat: { readonly Plain: 0; readonly HTML: 1 };
/** One of them. */
export type BodyPartFormat = (typeof BodyPartFormat)[keyof typeof BodyPartFormat];
/** How a text travels (RFC 2045 section 6); `Auto` at first: as it is where that is safe, else the smaller of the two. */
export declare const BodyPartEncoding: {
  readonly None: 0;
  readonly QuotedPrintable: 2;
  readonly Base64: 3;
  readonly Auto: 4;
};
/** One of them. */
export type BodyPartEncoding = (typeof BodyPartEncoding)[keyof typeof BodyPartEncoding];
/** How urgent the sender says a message is. */
export declare const Priority: { readonly High: 1; readonly Normal: 3; readonly Low: 5 };
/** One of them. */
export type Priority = (typeof Priority)[keyof typeof Priority];
/** When the sender gets a report on a delivery (RFC 3461 section 4.1), joined with `|`; `Never` goes with no other. */
export declare const Notify: {
  readonly Default: 0;
  readonly Success: 1;
  readonly Failure: 2;
  readonly Delay: 4;
  readonly Never: 8;
};
/** How much of the message a delivery report gives back (RFC 3461 section 4.3). */
export declare const ReturnContent: { readonly Default: 0; readonly Full: 1; readonly Headers: 2 };
/** One of them. */
export type ReturnContent = (typeof ReturnContent)[keyof typeof ReturnContent];
/** What a server does when the time to deliver by has passed: tell the sender, or return the message (RFC 2852). */
export declare const DeliverByMode: { readonly Notify: 0; readonly Return: 1 };
/** One of them. */
export type DeliverByMode = (typeof DeliverByMode)[keyof typeof DeliverByMode];
/** What a server does that has to pass a message on to one that cannot check its mailbox's owner (RFC 7293). */
export declare const ValidSinceAction: { readonly Default: 0; readonly Continue: 1; readonly Reject: 2 };
/** One of them. */
export type ValidSinceAction = (typeof ValidSinceAction)[keyof typeof ValidSinceAction];
/** How safe a message is when its id is given back: on the disk; on the disk after the next sync; with the system. */
export declare const Durability: { readonly Full: 0; readonly Batch: 1; readonly None: 2 };
/** One of them. */
export type Durability = (typeof Durability)[keyof typeof Durability];
/** How much may change on the way without breaking a DKIM signature (RFC 6376 section 3.4). */
export declare const Canonicalization: { readonly Simple: 0; readonly Relaxed: 1 };
/** One of them. */
export type Canonicalization = (typeof Canonicalization)[keyof typeof Canonicalization];
/** Whether a person or a program wrote a message (RFC 3834). */
export declare const AutoSubmitted: { readonly No: 0; readonly AutoGenerated: 1; readonly AutoReplied: 2 };
/** One of them. */
export type AutoSubmitted = (typeof AutoSubmitted)[keyof typeof AutoSubmitted];
/** How to log in; `Auto` takes the strongest mechanism that the server offers. */
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
/** One of them. */
export type SMTPAuthMode = (typeof SMTPAuthMode)[keyof typeof SMTPAuthMode];
/** How the connection is protected: never, by STARTTLS when offered, by STARTTLS or not at all, by TLS from the first byte; `Auto` by port and account. */
export declare const Security: {
  readonly None: 0;
  readonly Opportunistic: 1;
  readonly Required: 2;
  readonly Implicit: 3;
  readonly Auto: 4;
};
/** One of them. */
export type Security = (typeof Security)[keyof typeof Security];

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
export declare class SMTP extends EventEmitter<SMTPEvents> {
  /** `server`: a host name, `host:port`, a URL such as `smtps://user:password@host:465`, or the server's settings. */
  constructor(server?: string | SMTPServer | SMTPServerSettings);
  /** Sends a text to one recipient with the defaults of everything else. */
  static quickSend(
    smtpServerName: string,
    recipientEmail: string,
    fromEmail: string,
    subject: string,
    bodyText: string,
    bodyPartFormat?: Choice<typeof BodyPartFormat>,
  ): Promise<Report>;
  /** The servers, tried in order. */
  get smtpServers(): SMTPServers;
  /**
   * The conversation is appended to this file, secrets removed; empty for none.
   * Throws `FileIOError` at once when the folder does not exist.
   */
  get logFile(): string;
  set logFile(value: Path);
  /** What the log shows besides the conversation. */
  get logOptions(): LogOptions;
  set logOptions(value: Partial<Pick<LogOptions, 'timestamps' | 'body' | 'json'>>);
  /** The name given in EHLO; empty for this host's own. */
  get defaultDomain(): string;
  set defaultDomain(value: string);
  /** The limit of every phase in seconds; null when they differ, as they do at first. */
  get defaultTimeout(): number | null;
  set defaultTimeout(value: number);
  /** The limit of each phase in seconds. */
  get timeouts(): Timeouts;
  set timeouts(value: Partial<Pick<Timeouts, 'connect' | 'greeting' | 'command' | 'dataBlock' | 'endOfData' | 'operation'>>);
  /** Whether nothing is sent when one recipient is refused. */
  get allOrNothing(): boolean;
  set allOrNothing(value: boolean);
  /** How many connections sending in bulk uses at once; 1 at first. */
  get maxConnections(): number;
  set maxConnections(value: number);
  /** How many messages one connection carries, before the next has a new one; 0 for any number. */
  get maxMessagesPerConnection(): number;
  set maxMessagesPerConnection(value: number);
  /** The most messages per second; 0.5 is one in two seconds, null means no limit. */
  get rateLimit(): number | null;
  set rateLimit(value: number | null | undefined);
  /**
   * The folder of the spool that messages are submitted to; empty for the usual place: `$FREESMTP_SPOOL`, else
   * `/var/spool/freesmtp` for root, and for other users `freesmtp/spool` in `$XDG_STATE_HOME` or in `~/.local/state`.
   */
  get spoolPath(): string;
  set spoolPath(value: Path | null | undefined);
  /** How safe a message is when its id is given back; `Full` at first. */
  get spoolDurability(): Durability;
  set spoolDurability(value: Choice<typeof Durability>);
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
  /**
   * Sends any number of messages, over up to `maxConnections` connections and pipelined from one message into the next.
   * Gives a result for each as it completes; one failure never stops the others. Messages are asked for as they are
   * needed, and copied then.
   *
   * Leaving the loop cancels what is under way. What the iterable throws is thrown after the results of the messages
   * before. When the signal is aborted, the results of what is under way come first, and then `Cancelled` is thrown.
   */
  sendBulk(
    messages: Iterable<EmailMessage | PromiseLike<EmailMessage>> | AsyncIterable<EmailMessage>,
    options?: SendOptions,
  ): AsyncGenerator<BulkResult, void, undefined>;
  /**
   * `sendBulk` of the message of each row: see `merge`. The index is that of the row; a row that lacks a field has that error
   * as its result, and the others are sent.
   */
  sendBulkMerge(
    template: EmailMessage | MergeTemplate,
    rows: Iterable<MergeRow> | AsyncIterable<MergeRow>,
    options?: SendOptions,
  ): AsyncGenerator<BulkResult, void, undefined>;
  /**
   * Hands a message over to the agent (`freesmtp agent`) and gives its id: it is delivered in the background, and tried
   * until it is. No agent needs to run now, and no server of this object is asked. `path` is the folder of the spool, for
   * another one than `spoolPath`. What rejects is not delivered. Streams as attachments cannot be handed over.
   */
  submitToSpool(message: EmailMessage, path?: Path | null): Promise<string>;
  /** The name of old for `submitToSpool`. */
  SubmitToExpress(message: EmailMessage, path?: Path | null): Promise<string>;
  /**
   * Hands many messages over with one sync, and gives their ids in the same order: all of them are durable, or it rejects
   * and none of them is delivered.
   */
  submitBulk(messages: Iterable<EmailMessage>, path?: Path | null): Promise<string[]>;
  /** `submitBulk` of the message of each row: see `merge`. A row that lacks a field rejects, and none is delivered. */
  submitBulkMerge(
    template: EmailMessage | MergeTemplate,
    rows: Iterable<MergeRow>,
    path?: Path | null,
  ): Promise<string[]>;
  /** Writes to the disk what was submitted under `Durability.Batch` so far. */
  syncSpool(): Promise<void>;
  /**
   * Asks the agent of the spool what became of a message, by the id of `submitToSpool`. It knows what is in its queue, and
   * what ended lately. Rejects with `SpoolError` when no agent runs, and when it does not know the id; its text says what
   * to do. So do the others that ask it.
   */
  spoolStatus(id: string): Promise<SpoolStatus>;
  /** How far a blast is: all messages that were submitted under that name. */
  blastStatus(name: string): Promise<BlastStatus>;
  /** Keeps the messages of a blast until it is resumed; those that are being sent are sent. */
  pauseBlast(name: string): Promise<BlastStatus>;
  /** Lets a paused blast go on; one that was cancelled does not. */
  resumeBlast(name: string): Promise<BlastStatus>;
  /** Takes all messages of a blast out that are not delivered; their senders get no reports. */
  cancelBlast(name: string): Promise<BlastStatus>;
  /** Waits until each recipient of a message has its result, or so many seconds are over, and gives what became of it. */
  waitForMessage(id: string, timeout?: number | null, options?: SendOptions): Promise<SpoolStatus>;
  /** Waits until each recipient of a blast has its result, or so many seconds are over, and gives how far it is then. */
  waitForBlast(name: string, timeout?: number | null, options?: SendOptions): Promise<BlastStatus>;
  /**
   * What happens to recipients from now on, of one blast or of all messages. It ends when the loop is left, and with
   * `SpoolError` when the agent ends, or `Cancelled` when the signal is aborted.
   */
  spoolEvents(options?: SendOptions & { blast?: string }): AsyncGenerator<SpoolEvent, void, undefined>;
  /** Opens a connection, logs in, and keeps it for the next message. */
  connect(options?: SendOptions): Promise<void>;
  /** Ends the kept connections with QUIT; when the signal is aborted, without waiting for the answers. */
  disconnect(options?: SendOptions): Promise<void>;
  /** `disconnect`, at the end of a block with `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
  /** Cancels everything of this object that is under way. */
  cancel(): void;
  /** Sends one command such as `VRFY postmaster` and gives the reply, whatever its code is. */
  sendSMTPCommand(command: string, options?: SendOptions): Promise<Reply>;
  /**
   * Looks at a server without sending mail: addresses, connections, greeting, extensions, TLS, login, and what it says to
   * a sender and recipients; and at MX, SPF, DKIM and DMARC of the sender's domain. What is wrong with the server or the
   * domain rejects nothing; it is a step of the report.
   */
  check(options?: CheckOptions, settings?: SendOptions): Promise<CheckReport>;
  /** Forgets servers, log and settings at once; fulfilled when the kept connections have ended. */
  reset(): Promise<void>;
}

/** What came of one message of `sendBulk`. */
export type BulkResult =
  | {
      /** The place of the message in the iterable, counted from 0. */
      index: number;
      /** What `send` would give. */
      report: Report;
      error: null;
    }
  | {
      index: number;
      report: null;
      /** What `send` would throw: an `SMTPError`, or a `TypeError` where the message is none. */
      error: SMTPError | TypeError;
    };

/** What became of a message of the spool so far. */
export interface SpoolStatus {
  /** Its id. */
  readonly id: string;
  /** What it waits for: `ready` (a session, or it is being sent), `later`, `held`, `paused` (its blast is), or `done`. */
  readonly state: string;
  /** Whether each recipient has its result. */
  readonly isDone: boolean;
  /** Its `Message-ID`, with angle brackets; empty when it has none, or ended longer ago. */
  readonly messageId: string;
  /** Its reverse-path; empty for the null one. */
  readonly sender: string;
  /** The blast it belongs to; empty for none. */
  readonly blast: string;
  /** When it was submitted. */
  readonly submitted: Date | null;
  /** When it is given up, as long as it waits. */
  readonly expires: Date | null;
  /** How many recipients it has. */
  readonly recipientsTotal: number;
  /** How many of them have no result yet. */
  readonly recipientsOpen: number;
  /** The recipients, at most a thousand; none of a message that ended longer ago. */
  readonly recipients: readonly SpoolRecipient[];
}

/** A recipient of a message of the spool. */
export interface SpoolRecipient {
  /** The mailbox. */
  readonly email: string;
  /** `ready`, `later`, `held`; or what became of it: `delivered`, `failed`, `expired`, `cancelled`. */
  readonly state: string;
  /** How many attempts were made. */
  readonly attempts: number;
  /** When it is tried again. */
  readonly nextAttempt: Date | null;
  /** When it was tried last, or got its result. */
  readonly at: Date | null;
  /** The server that answered last, `mail.example.com:25`; empty when none did. */
  readonly server: string;
  /** Its reply code, or 0. */
  readonly replyCode: number;
  /** Its enhanced status code (RFC 3463), or empty. */
  readonly enhancedCode: string;
  /** Its reply's text, or what happened. */
  readonly replyText: string;
  /** The identifier of the diagnosis; empty when nothing went wrong. */
  readonly cause: string;
  /** What to do, a line for each way. */
  readonly remedy: string;
}

/** How far a blast is; the counts are recipients. */
export interface BlastStatus {
  /** Its name. */
  readonly name: string;
  /** `running`, `paused`, `cancelled`, or `done`. */
  readonly state: string;
  /** Whether each recipient has its result. */
  readonly isDone: boolean;
  /** Messages that were submitted under its name. */
  readonly messages: number;
  /** Their recipients. */
  readonly recipients: number;
  /** Those without a result. */
  readonly open: number;
  /** Those whose server took the message. */
  readonly delivered: number;
  /** Those of the open ones that were put off at least once. */
  readonly deferred: number;
  /** Those that were refused for good. */
  readonly failed: number;
  /** Those whose time was over. */
  readonly expired: number;
  /** Those that were cancelled. */
  readonly cancelled: number;
  /** Recipients delivered per second, lately. */
  readonly rate: number;
  /** Seconds that it takes at this rate; null when nothing says how long. */
  readonly etaSeconds: number | null;
}

/** What happened to a recipient. */
export interface SpoolEvent {
  /**
   * `delivered`, `deferred` (it is tried again), `bounced` (refused for good), `expired`, `cancelled`, or `lost`: `count`
   * events were missed, because they were taken too slowly.
   */
  readonly event: string;
  /** The same when the same event is told again. */
  readonly key: string;
  /** When: RFC 3339, UTC, milliseconds. */
  readonly at: string;
  /** The message's id in the spool. */
  readonly id: string;
  /** Its `Message-ID`. */
  readonly messageId: string;
  /** Its reverse-path; empty for the null one. */
  readonly sender: string;
  /** The recipient. */
  readonly recipient: string;
  /** The blast; empty for none. */
  readonly blast: string;
  /** Which attempt it was, counted from 1; 0 when none was made. */
  readonly attempt: number;
  /** The server, or empty. */
  readonly server: string;
  /** Its reply code, or 0. */
  readonly replyCode: number;
  /** Its enhanced status code (RFC 3463), or empty. */
  readonly enhancedCode: string;
  /** Its reply's text, or what happened. */
  readonly replyText: string;
  /** The identifier of the diagnosis, or empty. */
  readonly cause: string;
  /** What to do. */
  readonly remedy: string;
  /** When it is tried again: RFC 3339; empty when it is not. */
  readonly nextAttempt: string;
  /** The message was sent whole and no answer came: it may have been delivered. */
  readonly isUnknown: boolean;
  /** How many events were missed. */
  readonly count: number;
}

/** Options of a send. */
export interface SendOptions {
  /** Ends the send: it is rejected with `Cancelled`, whose `cause` is the signal's reason. */
  signal?: AbortSignal;
}

/** What the log shows besides the conversation; setting an option sets it in the SMTP object. Secrets are removed in any case. */
export declare class LogOptions {
  private constructor();
  /** Each line of the file begins with the time, in UTC. */
  get timestamps(): boolean;
  set timestamps(value: boolean);
  /** How much of a message is shown: `size`, `headers` (and the size) or `full`. */
  get body(): 'size' | 'headers' | 'full';
  set body(value: 'size' | 'headers' | 'full');
  /** The file has one JSON object in each line: `time`, `connection`, `kind` and `line`. */
  get json(): boolean;
  set json(value: boolean);
}

/** One line of a conversation, secrets removed and control characters escaped. */
export interface LogEvent {
  /** When. */
  time: Date;
  /** The connection, from 1: lines of concurrent ones differ here. */
  connection: number;
  /** Whose line it is. */
  kind: 'sent' | 'received' | 'notice' | 'body';
  /** Without a line break. */
  line: string;
}

/** The events of an SMTP object. */
export interface SMTPEvents {
  /** Every line of the conversations, as it is said; a call is fulfilled after those of its own. */
  protocolLog: [event: LogEvent];
  /** The original name of `protocolLog`. */
  ProtocolLog: [event: LogEvent];
  /**
   * How far a message is: octets of it that were given to the connection, of all, as far as they are known (streams count
   * once they were read). After each piece, and at the end, when both are the same; a message that has to be sent again
   * begins anew. Like all events it comes in the event loop, that of `sendSync` after the call.
   */
  smtpStatus: [totalSent: number, totalSize: number];
  /** The original name of `smtpStatus`. */
  SMTPStatus: [totalSent: number, totalSize: number];
  /**
   * A recipient does not get a message, refused or put off, with the server's reply; once what came of the message is
   * settled. An error that is about no recipient (no connection, an unknown outcome) names none here.
   */
  smtpRecipientFailed: [emailAddress: string, response: string];
  /** The original name of `smtpRecipientFailed`. */
  SMTPRecipientFailed: [emailAddress: string, response: string];
  /**
   * How far sending in bulk is, once for each result: messages of which at least one recipient was accepted, messages whose
   * result is an error, and those taken from the iterable so far.
   */
  smtpBulkStatus: [totalSent: number, totalFailed: number, totalMessages: number];
  /** The original name of `smtpBulkStatus`. */
  SMTPBulkStatus: [totalSent: number, totalFailed: number, totalMessages: number];
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
  /** For a whole call, over all servers; null for no such limit. */
  get operation(): number | null;
  set operation(value: number | null | undefined);
}

/** Settings of a server; original names are taken too. */
export type SMTPServerSettings = Given<SMTPServer>;

/** Where to send, and how. */
export declare class SMTPServer {
  constructor(name?: string, port?: number, timeout?: number | null, authMode?: AuthModeChoice, account?: string, password?: string);
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
  /** How to log in; `Auto` at first. */
  get authMode(): SMTPAuthMode;
  set authMode(value: AuthModeChoice);
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
  /** The server speaks LMTP (RFC 2033), as mailbox servers do: it answers for each recipient after the message. */
  get lmtp(): boolean;
  set lmtp(value: boolean);
  /**
   * The proxy that connects to the server, and looks its name up: `socks5://user:password@host:1080`,
   * `socks5h://host`, `http://host:3128`; null for none. User and password are percent-encoded. Never shown by
   * `inspect` or JSON.
   */
  get proxy(): string | null;
  set proxy(value: string | null | undefined);
  /** Local address to connect from. */
  get localEndPoint(): string | null;
  set localEndPoint(value: string | null | undefined);
  /** How the connection is protected; `Auto` at first. */
  get security(): Security;
  set security(value: Choice<typeof Security>);
  /** PEM file of authorities to trust besides those of the system. */
  get caFile(): string | null;
  set caFile(value: Path | null | undefined);
  /** Authorities to trust besides those of the system, as the text of a PEM file. */
  get caPem(): string | null;
  set caPem(value: string | Uint8Array | null | undefined);
  /** Client certificate: a PEM file, intermediate certificates behind it, or a PKCS#12 file. */
  get clientCertificate(): string | null;
  set clientCertificate(value: Path | null | undefined);
  /** Key of the client certificate: a PEM file, PKCS#8, not encrypted; null when it is in the certificate's file. */
  get clientKey(): string | null;
  set clientKey(value: Path | null | undefined);
  /** Password of a PKCS#12 file in `clientCertificate`. Never shown by `inspect` or JSON. */
  get clientCertificatePassword(): string;
  set clientCertificatePassword(value: string);
  /**
   * Certificates that the server may have; empty for any that is valid. SHA-256 in hexadecimal or base64: `sha256/…`
   * of the public key (RFC 7469), `cert-sha256:…` of the certificate, without a prefix either of them. A pin replaces
   * no other check, unless `dangerAcceptInvalidCerts` turns them off.
   */
  get certificatePins(): readonly string[];
  set certificatePins(value: readonly string[]);
  /** The name that the certificate must be for; empty for `name`. */
  get tlsServerName(): string;
  set tlsServerName(value: string);
  /** Oldest TLS version accepted: `1.0`, `1.1` or `1.2`. */
  get minTlsVersion(): '1.0' | '1.1' | '1.2';
  set minTlsVersion(value: '1.0' | '1.1' | '1.2');
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

/** `smtpServers`: tried in order. */
export declare class SMTPServers extends Collection<
  SMTPServer,
  | [server: SMTPServer | SMTPServerSettings]
  | [name: string, port?: number, timeout?: number | null, authMode?: AuthModeChoice, account?: string, password?: string]
> {}

/** What became of the message for one recipient. */
export interface RecipientResult {
  /** The address as it was given. */
  email: string;
  /** What became of it. */
  status: 'accepted' | 'deferred' | 'refused' | 'unknown';
  /** The phase in which that was decided. */
  stage: Stage;
  /** 0 when no reply decided. */
  replyCode: number;
  /** Such as `5.7.1` (RFC 3463). */
  enhancedCode: string | null;
  /** The text of the reply, codes left out. */
  replyText: string;
  /** Why, and what to do, unless accepted. */
  diagnosis: Diagnosis | null;
}

/** The TLS session; what the platform's TLS does not tell is null. */
export interface TlsInfo {
  /** Such as `TLSv1.3`. */
  version: string | null;
  /** The cipher suite. */
  cipher: string | null;
  /** The subject of the server's certificate. */
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
  /** Its text, codes left out. */
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
  /** The three digits. */
  code: number;
  /** Without the code. */
  lines: string[];
  /** The lines joined by line feeds. */
  text: string;
  /** Such as `5.7.1` (RFC 3463). */
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
  /** Who must act. */
  who: 'sender-code' | 'sender-account' | 'server-admin' | 'recipient' | 'network' | 'nobody-retry';
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
  /** Its port. */
  port?: number;
  /** The host name in the greeting. */
  greetingHost?: string;
  /** The lines of the EHLO reply after the first: `AUTH LOGIN`, `SIZE 1000`. */
  offered?: readonly string[];
  /** An account was set. */
  credentialsSet?: boolean;
  /** The session is logged in. */
  authenticated?: boolean;
  /** The session is encrypted. */
  tls?: boolean;
  /** The user name. */
  user?: string;
  /** The SASL mechanism. */
  mechanism?: string;
  /** This computer's address on the connection. */
  localAddress?: string;
  /** The name given in EHLO. */
  ehloName?: string;
  /** The address of MAIL FROM. */
  sender?: string;
  /** The address of RCPT TO. */
  recipient?: string;
  /** Bytes. */
  messageSize?: number;
  /** How many recipients the message has. */
  recipientCount?: number;
  /** Its `Message-ID`, to search for when the outcome is unknown. */
  messageId?: string;
}

/** Why a server gave this reply, such as `550 5.7.1 Relaying denied`, at this stage, and what to do. */
export declare function diagnose(reply: string, stage?: Stage | null, context?: DiagnosisContext): Diagnosis;

/** What a check is to look at besides the server. */
export interface CheckOptions {
  /** The sender's address: given in MAIL FROM, and the records of its domain are judged. */
  from?: string;
  /** Recipients to ask the server about with RCPT TO; nothing is sent to them. */
  to?: readonly string[];
  /** The selector of the DKIM key, such as `mail` for `mail._domainkey.example.com`. */
  dkimSelector?: string;
  /** The address that recipients' servers see, which SPF is judged for; else the local address of the connection. */
  outgoingIp?: string;
  /** The name server to ask for the records, `192.0.2.1` or `192.0.2.1:53`; else those of the system. */
  dns?: string;
  /** The longest that the whole check may take, in seconds. */
  timeout?: number;
  /** Which of `smtpServers` to check, counted from 0. */
  server?: number;
}

/** How a step of a check ended. */
export type CheckStatus = 'ok' | 'warning' | 'failed' | 'skipped';

/** One step of a check. */
export interface CheckStep {
  /** Which step: docs/check.md says what each looks at. */
  name: 'dns' | 'connect' | 'greeting' | 'ehlo' | 'tls' | 'auth' | 'envelope' | 'limits' | 'mx' | 'spf' | 'dkim' | 'dmarc';
  /** How it ended. */
  status: CheckStatus;
  /** One sentence. */
  summary: string;
  /** The same check may end better later. */
  isTemporary: boolean;
  /** What was found, in order; a name may stand several times. */
  facts: { name: string; value: string }[];
  /** Why, who must act, what to do; on warnings and failures. */
  diagnosis: Diagnosis | null;
}

/** What a check found. */
export interface CheckReport {
  /** The server as it was named in the settings, and its port. */
  server: string;
  /** The worst of the steps. */
  status: CheckStatus;
  /** What it comes to, in one sentence. */
  summary: string;
  /** It failed, and the same check may end better later without a change. */
  isTemporary: boolean;
  /** Every step in order, those that were skipped too. */
  steps: CheckStep[];
  /** Seconds it took. */
  elapsed: number;
  /** Trouble that is none of the server's. */
  warnings: string[];
  /** The conversation, secrets removed, oldest line first. */
  transcript: string[];
  /** All of it as a person reads it, at most 80 columns wide. */
  text: string;
}

/** One failure found in a transcript. */
export interface Explanation {
  /** The line where it stands, from 1. */
  line: number;
  /** The phase, where the transcript shows it. */
  stage: Stage | null;
  /** The server's name, or empty. */
  host: string;
  /** The sender of the transaction. */
  sender: string | null;
  /** The recipient in question. */
  recipient: string | null;
  /** The reply that refused; null for a failure that the client noticed. */
  reply: Reply | null;
  /** Why, who must act, what to do. */
  diagnosis: Diagnosis;
}

/** Explains every failure in a transcript: a log of a client or a server, a bounce, an exception's text, a reply. */
export declare function explain(transcript: string): Explanation[];

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
  /** Its text, codes left out. */
  replyText: string;
  /** One entry for each recipient, when the transaction got that far. */
  recipients: RecipientResult[];
  /** Host and port of the server. */
  server: string | null;
  /** Whether the same call may succeed later without a change. */
  isTemporary: boolean;
  /** Why, who must act, what to do. */
  diagnosis: Diagnosis | null;
  /** The last lines of the conversation, secrets removed. */
  transcript: string[];
  /** To search for when the outcome is unknown. */
  messageId: string | null;
  /** The failures of the servers that were tried before the last one. */
  others: SMTPError[];
  /** The operating system's error, what the function of `Token` threw, or the reason of the `AbortSignal`. */
  cause?: unknown;
  /** All fields, for `JSON.stringify`. */
  toJSON(): Record<string, unknown>;
}

/** DNS, connection, TLS, proxy or timeout. */
export declare class SMTPConnectionError extends SMTPError {}
/** The login was refused, or there is no way to log in. */
export declare class SMTPAuthenticationError extends SMTPError {}
/** The server refused a command, or broke the protocol. */
export declare class SMTPProtocolError extends SMTPError {}
/** Every recipient was refused. */
export declare class SMTPRecipientsRefused extends SMTPProtocolError {}
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

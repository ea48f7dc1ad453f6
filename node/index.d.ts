// Made by scripts/types.mjs from types/*.d.ts and lib/names.cjs.
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
  /** The original name of `count`. */
  get Count(): number;
  /** The original name of `add`. */
  Add(...given: Arguments): Item;
  /** The original name of `remove`. */
  Remove(which: Item | number): Item;
  /** The original name of `getLastItem`. */
  GetLastItem(): Item | undefined;
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
  /** The original name of `quickSend`. */
  static QuickSend(
    smtpServerName: string,
    recipientEmail: string,
    fromEmail: string,
    subject: string,
    bodyText: string,
    bodyPartFormat?: Choice<typeof BodyPartFormat>,
  ): Promise<Report>;
  /** The original name of `smtpServers`. */
  get SMTPServers(): SMTPServers;
  /** The original name of `logFile`. */
  get LogFile(): string;
  set LogFile(value: Path);
  /** The original name of `logOptions`. */
  get LogOptions(): LogOptions;
  set LogOptions(value: Partial<Pick<LogOptions, 'timestamps' | 'body' | 'json'>>);
  /** The original name of `defaultDomain`. */
  get DefaultDomain(): string;
  set DefaultDomain(value: string);
  /** The original name of `defaultTimeout`. */
  get DefaultTimeout(): number | null;
  set DefaultTimeout(value: number);
  /** The original name of `timeouts`. */
  get Timeouts(): Timeouts;
  set Timeouts(value: Partial<Pick<Timeouts, 'connect' | 'greeting' | 'command' | 'dataBlock' | 'endOfData' | 'operation'>>);
  /** The original name of `allOrNothing`. */
  get AllOrNothing(): boolean;
  set AllOrNothing(value: boolean);
  /** The original name of `maxConnections`. */
  get MaxConnections(): number;
  set MaxConnections(value: number);
  /** The original name of `maxMessagesPerConnection`. */
  get MaxMessagesPerConnection(): number;
  set MaxMessagesPerConnection(value: number);
  /** The original name of `rateLimit`. */
  get RateLimit(): number | null;
  set RateLimit(value: number | null | undefined);
  /** The original name of `spoolPath`. */
  get SpoolPath(): string;
  set SpoolPath(value: Path | null | undefined);
  /** The original name of `spoolDurability`. */
  get SpoolDurability(): Durability;
  set SpoolDurability(value: Choice<typeof Durability>);
  /** The original name of `connected`. */
  get Connected(): boolean;
  /** The original name of `version`. */
  get Version(): string;
  /** The original name of `send`. */
  Send(message: EmailMessage, options?: SendOptions): Promise<Report>;
  /** The original name of `sendSync`. */
  SendSync(message: EmailMessage): Report;
  /** The original name of `sendBulk`. */
  SendBulk(
    messages: Iterable<EmailMessage | PromiseLike<EmailMessage>> | AsyncIterable<EmailMessage>,
    options?: SendOptions,
  ): AsyncGenerator<BulkResult, void, undefined>;
  /** The original name of `sendBulkMerge`. */
  SendBulkMerge(
    template: EmailMessage | MergeTemplate,
    rows: Iterable<MergeRow> | AsyncIterable<MergeRow>,
    options?: SendOptions,
  ): AsyncGenerator<BulkResult, void, undefined>;
  /** The original name of `submitToSpool`. */
  SubmitToSpool(message: EmailMessage, path?: Path | null): Promise<string>;
  /** The original name of `submitBulk`. */
  SubmitBulk(messages: Iterable<EmailMessage>, path?: Path | null): Promise<string[]>;
  /** The original name of `submitBulkMerge`. */
  SubmitBulkMerge(
    template: EmailMessage | MergeTemplate,
    rows: Iterable<MergeRow>,
    path?: Path | null,
  ): Promise<string[]>;
  /** The original name of `syncSpool`. */
  SyncSpool(): Promise<void>;
  /** The original name of `spoolStatus`. */
  SpoolStatus(id: string): Promise<SpoolStatus>;
  /** The original name of `blastStatus`. */
  BlastStatus(name: string): Promise<BlastStatus>;
  /** The original name of `pauseBlast`. */
  PauseBlast(name: string): Promise<BlastStatus>;
  /** The original name of `resumeBlast`. */
  ResumeBlast(name: string): Promise<BlastStatus>;
  /** The original name of `cancelBlast`. */
  CancelBlast(name: string): Promise<BlastStatus>;
  /** The original name of `waitForMessage`. */
  WaitForMessage(id: string, timeout?: number | null, options?: SendOptions): Promise<SpoolStatus>;
  /** The original name of `waitForBlast`. */
  WaitForBlast(name: string, timeout?: number | null, options?: SendOptions): Promise<BlastStatus>;
  /** The original name of `spoolEvents`. */
  SpoolEvents(options?: SendOptions & { blast?: string }): AsyncGenerator<SpoolEvent, void, undefined>;
  /** The original name of `connect`. */
  Connect(options?: SendOptions): Promise<void>;
  /** The original name of `disconnect`. */
  Disconnect(options?: SendOptions): Promise<void>;
  /** The original name of `cancel`. */
  Cancel(): void;
  /** The original name of `sendSMTPCommand`. */
  SendSMTPCommand(command: string, options?: SendOptions): Promise<Reply>;
  /** The original name of `check`. */
  Check(options?: CheckOptions, settings?: SendOptions): Promise<CheckReport>;
  /** The original name of `reset`. */
  Reset(): Promise<void>;
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
  /** The original name of `timestamps`. */
  get Timestamps(): boolean;
  set Timestamps(value: boolean);
  /** The original name of `body`. */
  get Body(): 'size' | 'headers' | 'full';
  set Body(value: 'size' | 'headers' | 'full');
  /** The original name of `json`. */
  get Json(): boolean;
  set Json(value: boolean);
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
  /** The original name of `connect`. */
  get Connect(): number;
  set Connect(value: number);
  /** The original name of `greeting`. */
  get Greeting(): number;
  set Greeting(value: number);
  /** The original name of `command`. */
  get Command(): number;
  set Command(value: number);
  /** The original name of `dataBlock`. */
  get DataBlock(): number;
  set DataBlock(value: number);
  /** The original name of `endOfData`. */
  get EndOfData(): number;
  set EndOfData(value: number);
  /** The original name of `operation`. */
  get Operation(): number | null;
  set Operation(value: number | null | undefined);
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
  /** The original name of `name`. */
  get Name(): string;
  set Name(value: string);
  /** The original name of `port`. */
  get Port(): number;
  set Port(value: number);
  /** The original name of `timeout`. */
  get Timeout(): number | null;
  set Timeout(value: number | null | undefined);
  /** The original name of `authMode`. */
  get AuthMode(): SMTPAuthMode;
  set AuthMode(value: AuthModeChoice);
  /** The original name of `account`. */
  get Account(): string;
  set Account(value: string);
  /** The original name of `password`. */
  get Password(): string;
  set Password(value: string);
  /** The original name of `sasl`. */
  get SASL(): string;
  set SASL(value: string);
  /** The original name of `token`. */
  get Token(): string | TokenFunction;
  set Token(value: string | TokenFunction);
  /** The original name of `mailAuth`. */
  get MailAuth(): string | null;
  set MailAuth(value: string | null | undefined);
  /** The original name of `lmtp`. */
  get Lmtp(): boolean;
  set Lmtp(value: boolean);
  /** The original name of `proxy`. */
  get Proxy(): string | null;
  set Proxy(value: string | null | undefined);
  /** The original name of `localEndPoint`. */
  get LocalEndPoint(): string | null;
  set LocalEndPoint(value: string | null | undefined);
  /** The original name of `security`. */
  get Security(): Security;
  set Security(value: Choice<typeof Security>);
  /** The original name of `caFile`. */
  get CaFile(): string | null;
  set CaFile(value: Path | null | undefined);
  /** The original name of `caPem`. */
  get CaPem(): string | null;
  set CaPem(value: string | Uint8Array | null | undefined);
  /** The original name of `clientCertificate`. */
  get ClientCertificate(): string | null;
  set ClientCertificate(value: Path | null | undefined);
  /** The original name of `clientKey`. */
  get ClientKey(): string | null;
  set ClientKey(value: Path | null | undefined);
  /** The original name of `clientCertificatePassword`. */
  get ClientCertificatePassword(): string;
  set ClientCertificatePassword(value: string);
  /** The original name of `certificatePins`. */
  get CertificatePins(): readonly string[];
  set CertificatePins(value: readonly string[]);
  /** The original name of `tlsServerName`. */
  get TlsServerName(): string;
  set TlsServerName(value: string);
  /** The original name of `minTlsVersion`. */
  get MinTlsVersion(): '1.0' | '1.1' | '1.2';
  set MinTlsVersion(value: '1.0' | '1.1' | '1.2');
  /** The original name of `allowPlaintextAuth`. */
  get AllowPlaintextAuth(): boolean;
  set AllowPlaintextAuth(value: boolean);
  /** The original name of `disabledExtensions`. */
  get DisabledExtensions(): readonly string[];
  set DisabledExtensions(value: readonly string[]);
  /** The original name of `dangerAcceptInvalidCerts`. */
  get DangerAcceptInvalidCerts(): boolean;
  set DangerAcceptInvalidCerts(value: boolean);
  /** The original name of `dangerAcceptInvalidHostnames`. */
  get DangerAcceptInvalidHostnames(): boolean;
  set DangerAcceptInvalidHostnames(value: boolean);
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
  /** The original name of `host`. */
  Host?: string;
  /** The original name of `port`. */
  Port?: number;
  /** The original name of `greetingHost`. */
  GreetingHost?: string;
  /** The original name of `offered`. */
  Offered?: readonly string[];
  /** The original name of `credentialsSet`. */
  CredentialsSet?: boolean;
  /** The original name of `authenticated`. */
  Authenticated?: boolean;
  /** The original name of `tls`. */
  Tls?: boolean;
  /** The original name of `user`. */
  User?: string;
  /** The original name of `mechanism`. */
  Mechanism?: string;
  /** The original name of `localAddress`. */
  LocalAddress?: string;
  /** The original name of `ehloName`. */
  EhloName?: string;
  /** The original name of `sender`. */
  Sender?: string;
  /** The original name of `recipient`. */
  Recipient?: string;
  /** The original name of `messageSize`. */
  MessageSize?: number;
  /** The original name of `recipientCount`. */
  RecipientCount?: number;
  /** The original name of `messageId`. */
  MessageID?: string;
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
  /** The original name of `from`. */
  From?: string;
  /** The original name of `to`. */
  To?: readonly string[];
  /** The original name of `dkimSelector`. */
  DkimSelector?: string;
  /** The original name of `outgoingIp`. */
  OutgoingIp?: string;
  /** The original name of `dns`. */
  Dns?: string;
  /** The original name of `timeout`. */
  Timeout?: number;
  /** The original name of `server`. */
  Server?: number;
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

/** A message: who, to whom, what. It may hold anything while it is built, and is checked when it is sent. */
export declare class EmailMessage {
  constructor(recipientEmail?: string, fromEmail?: string, subject?: string, bodyText?: string, bodyPartFormat?: Choice<typeof BodyPartFormat>);
  /**
   * A whole message in the form of RFC 5322, from a file or bytes, passed through; `Bcc` is left out. The envelope is
   * that of its headers, unless `returnPath`, `sender`, `from` or `recipients` are set. Nothing else may be.
   */
  static raw(source: Path | Uint8Array): EmailMessage;
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
  /** `Normal` at first: nothing is said. */
  get priority(): Priority;
  set priority(value: Choice<typeof Priority>);
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
  /** The messages that this one answers, by their `Message-ID` (RFC 5322 section 3.6.4). */
  get inReplyTo(): readonly string[];
  set inReplyTo(value: readonly string[]);
  /** The thread, oldest first, by `Message-ID`. */
  get references(): readonly string[];
  set references(value: readonly string[]);
  /** Whether a program wrote it (RFC 3834); `No` at first: nothing is said. */
  get autoSubmitted(): AutoSubmitted;
  set autoSubmitted(value: Choice<typeof AutoSubmitted>);
  /** Links that end a subscription, the preferred one first: `https://…`, `mailto:…` (RFC 2369). */
  get listUnsubscribe(): readonly string[];
  set listUnsubscribe(value: readonly string[]);
  /** Whether an empty POST to the https link is enough (RFC 8058). */
  get listUnsubscribeOneClick(): boolean;
  set listUnsubscribeOneClick(value: boolean);
  /** DKIM signatures, the first one outermost. */
  get dkim(): DkimSigners;
  /** An invitation. */
  get calendar(): Calendar | null;
  set calendar(value: Calendar | Given<Calendar> | string | null | undefined);
  /** How much of the message delivery reports give back (RFC 3461 section 4.3); `Default` at first: the server chooses. */
  get returnContent(): ReturnContent;
  set returnContent(value: Choice<typeof ReturnContent>);
  /**
   * A text that delivery reports give back, to tell which message they are about (RFC 3461 section 4.4): printable
   * ASCII, at most 100 characters, `+`, `=` and a space counting as three.
   */
  get envelopeId(): string | null;
  set envelopeId(value: string | null | undefined);
  /**
   * Every server on the way has to use TLS and to check the next one's certificate, or to return the message (RFC
   * 8689). The session itself has to be encrypted, and its certificate checked.
   */
  get requireTls(): boolean;
  set requireTls(value: boolean);
  /** Seconds within which the message is to be delivered, from 1 to 999,999,999 (RFC 2852). */
  get deliverBy(): number | null;
  set deliverBy(value: number | null | undefined);
  /** What happens when they have passed; `Notify` at first. */
  get deliverByMode(): DeliverByMode;
  set deliverByMode(value: Choice<typeof DeliverByMode>);
  /** Whether each server on the way reports that it has passed the message on. */
  get deliverByTrace(): boolean;
  set deliverByTrace(value: boolean);
  /** Seconds for which the server holds the message, from 1 to 999,999,999 (RFC 4865). */
  get holdFor(): number | null;
  set holdFor(value: number | null | undefined);
  /** The moment until which the server holds it; not together with `holdFor`. */
  get holdUntil(): Date | null;
  set holdUntil(value: Date | null | undefined);
  /** How soon servers handle it among others, from -9 to 9, 0 being usual (RFC 6710). */
  get mtPriority(): number | null;
  set mtPriority(value: number | null | undefined);
  /**
   * The extensions, by their EHLO keywords, whose options are left out when the server cannot give them, with a
   * warning in the report; `DSN` alone at first. What is asked for and not named here is an error then.
   */
  get optionalExtensions(): readonly string[];
  set optionalExtensions(value: readonly string[]);
  /** The message is not delivered before this moment. This and the next four only count for submitting to the spool. */
  get notBefore(): Date | null;
  set notBefore(value: Date | null | undefined);
  /** What is not delivered by this moment is given up and reported to the sender. */
  get expires(): Date | null;
  set expires(value: Date | null | undefined);
  /** Which messages are delivered first: from -9 to 9, higher ones first. */
  get spoolPriority(): number;
  set spoolPriority(value: number);
  /** The blast that it belongs to: messages of one name have one progress, and are paused, resumed and cancelled together. */
  get blast(): string | null;
  set blast(value: string | null | undefined);
  /** The same message submitted again under its key is not delivered again; another one under the same key is refused. */
  get idempotencyKey(): string | null;
  set idempotencyKey(value: string | null | undefined);
  /** The message as it would be sent. Reads attached files before it returns. */
  toBytes(): Buffer;
  /** Writes the message to a file before it returns. */
  saveMessage(fileName: Path): void;
  /** Makes it an empty message again. */
  reset(): void;
  /** The original name of `raw`. */
  static Raw(source: Path | Uint8Array): EmailMessage;
  /** The original name of `from`. */
  get From(): Address;
  set From(value: Address | Given<Address> | string);
  /** The original name of `replyTo`. */
  get ReplyTo(): Address;
  set ReplyTo(value: Address | Given<Address> | string);
  /** The original name of `sender`. */
  get Sender(): Address;
  set Sender(value: Address | Given<Address> | string);
  /** The original name of `returnPath`. */
  get ReturnPath(): string | null;
  set ReturnPath(value: string | null | undefined);
  /** The original name of `subject`. */
  get Subject(): string;
  set Subject(value: string);
  /** The original name of `priority`. */
  get Priority(): Priority;
  set Priority(value: Choice<typeof Priority>);
  /** The original name of `messageId`. */
  get MessageID(): string | null;
  set MessageID(value: string | null | undefined);
  /** The original name of `date`. */
  get Date(): Date | null;
  set Date(value: Date | null | undefined);
  /** The original name of `charsetEncoding`. */
  get CharsetEncoding(): string;
  set CharsetEncoding(value: string);
  /** The original name of `recipients`. */
  get Recipients(): Recipients;
  /** The original name of `bodyParts`. */
  get BodyParts(): BodyParts;
  /** The original name of `attachments`. */
  get Attachments(): Attachments;
  /** The original name of `embeddedObjects`. */
  get EmbeddedObjects(): EmbeddedObjects;
  /** The original name of `customHeaders`. */
  get CustomHeaders(): CustomHeaders;
  /** The original name of `inReplyTo`. */
  get InReplyTo(): readonly string[];
  set InReplyTo(value: readonly string[]);
  /** The original name of `references`. */
  get References(): readonly string[];
  set References(value: readonly string[]);
  /** The original name of `autoSubmitted`. */
  get AutoSubmitted(): AutoSubmitted;
  set AutoSubmitted(value: Choice<typeof AutoSubmitted>);
  /** The original name of `listUnsubscribe`. */
  get ListUnsubscribe(): readonly string[];
  set ListUnsubscribe(value: readonly string[]);
  /** The original name of `listUnsubscribeOneClick`. */
  get ListUnsubscribeOneClick(): boolean;
  set ListUnsubscribeOneClick(value: boolean);
  /** The original name of `dkim`. */
  get DKIM(): DkimSigners;
  /** The original name of `calendar`. */
  get Calendar(): Calendar | null;
  set Calendar(value: Calendar | Given<Calendar> | string | null | undefined);
  /** The original name of `returnContent`. */
  get ReturnContent(): ReturnContent;
  set ReturnContent(value: Choice<typeof ReturnContent>);
  /** The original name of `envelopeId`. */
  get EnvelopeID(): string | null;
  set EnvelopeID(value: string | null | undefined);
  /** The original name of `requireTls`. */
  get RequireTls(): boolean;
  set RequireTls(value: boolean);
  /** The original name of `deliverBy`. */
  get DeliverBy(): number | null;
  set DeliverBy(value: number | null | undefined);
  /** The original name of `deliverByMode`. */
  get DeliverByMode(): DeliverByMode;
  set DeliverByMode(value: Choice<typeof DeliverByMode>);
  /** The original name of `deliverByTrace`. */
  get DeliverByTrace(): boolean;
  set DeliverByTrace(value: boolean);
  /** The original name of `holdFor`. */
  get HoldFor(): number | null;
  set HoldFor(value: number | null | undefined);
  /** The original name of `holdUntil`. */
  get HoldUntil(): Date | null;
  set HoldUntil(value: Date | null | undefined);
  /** The original name of `mtPriority`. */
  get MtPriority(): number | null;
  set MtPriority(value: number | null | undefined);
  /** The original name of `optionalExtensions`. */
  get OptionalExtensions(): readonly string[];
  set OptionalExtensions(value: readonly string[]);
  /** The original name of `notBefore`. */
  get NotBefore(): Date | null;
  set NotBefore(value: Date | null | undefined);
  /** The original name of `expires`. */
  get Expires(): Date | null;
  set Expires(value: Date | null | undefined);
  /** The original name of `spoolPriority`. */
  get SpoolPriority(): number;
  set SpoolPriority(value: number);
  /** The original name of `blast`. */
  get Blast(): string | null;
  set Blast(value: string | null | undefined);
  /** The original name of `idempotencyKey`. */
  get IdempotencyKey(): string | null;
  set IdempotencyKey(value: string | null | undefined);
  /** The original name of `toBytes`. */
  ToBytes(): Buffer;
  /** The original name of `saveMessage`. */
  SaveMessage(fileName: Path): void;
  /** The original name of `reset`. */
  Reset(): void;
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
  /** The original name of `email`. */
  get Email(): string;
  set Email(value: string);
  /** The original name of `name`. */
  get Name(): string;
  set Name(value: string);
}

/** A recipient. */
export declare class Recipient {
  constructor(email?: string, name?: string, type?: Choice<typeof RecipientType>);
  constructor(given: Given<Recipient>);
  /** `user@example.com` */
  get email(): string;
  set email(value: string);
  /** The name shown to people. */
  get name(): string;
  set name(value: string);
  /** Which header names it; `To` at first. */
  get type(): RecipientType;
  set type(value: Choice<typeof RecipientType>);
  /** When the sender gets a report (RFC 3461): values of `Notify` joined with `|`, or names: `'success,failure'`. */
  get notify(): number;
  set notify(value: NotifyChoice);
  /**
   * Whom the message was for before a list or a forwarder put this recipient in (RFC 3461 section 4.2): an address, or
   * `type;address`. Reports name it.
   */
  get originalRecipient(): string | null;
  set originalRecipient(value: string | null | undefined);
  /**
   * The message is for the owner that the mailbox has had since this moment: if it has changed hands, it is not
   * delivered (RFC 7293).
   */
  get validSince(): Date | null;
  set validSince(value: Date | null | undefined);
  /** What servers do that would have to pass it on to one without RRVS; `Default` at first: they choose. */
  get validSinceAction(): ValidSinceAction;
  set validSinceAction(value: Choice<typeof ValidSinceAction>);
  /** The original name of `email`. */
  get Email(): string;
  set Email(value: string);
  /** The original name of `name`. */
  get Name(): string;
  set Name(value: string);
  /** The original name of `type`. */
  get Type(): RecipientType;
  set Type(value: Choice<typeof RecipientType>);
  /** The original name of `notify`. */
  get Notify(): number;
  set Notify(value: NotifyChoice);
  /** The original name of `originalRecipient`. */
  get OriginalRecipient(): string | null;
  set OriginalRecipient(value: string | null | undefined);
  /** The original name of `validSince`. */
  get ValidSince(): Date | null;
  set ValidSince(value: Date | null | undefined);
  /** The original name of `validSinceAction`. */
  get ValidSinceAction(): ValidSinceAction;
  set ValidSinceAction(value: Choice<typeof ValidSinceAction>);
}

/** Who gets the message. */
export declare class Recipients extends Collection<
  Recipient,
  [recipient: Recipient | Given<Recipient>] | [email: string, name?: string, type?: Choice<typeof RecipientType>]
> {}

/** A text of a message. */
export declare class BodyPart {
  constructor(body?: string, format?: Choice<typeof BodyPartFormat>, encoding?: EncodingChoice);
  constructor(given: Given<BodyPart>);
  /** The text. */
  get body(): string;
  set body(value: string);
  /** What kind of text it is; `Plain` at first. */
  get format(): BodyPartFormat;
  set format(value: Choice<typeof BodyPartFormat>);
  /** How it travels; `Auto` at first. */
  get encoding(): BodyPartEncoding;
  set encoding(value: EncodingChoice);
  /** The original name of `body`. */
  get Body(): string;
  set Body(value: string);
  /** The original name of `format`. */
  get Format(): BodyPartFormat;
  set Format(value: Choice<typeof BodyPartFormat>);
  /** The original name of `encoding`. */
  get Encoding(): BodyPartEncoding;
  set Encoding(value: EncodingChoice);
}

/** The texts of a message. */
export declare class BodyParts extends Collection<
  BodyPart,
  [part: BodyPart | Given<BodyPart>] | [body: string, format?: Choice<typeof BodyPartFormat>, encoding?: EncodingChoice]
> {}

/**
 * A file, bytes, a stream or a message, beside the text.
 *
 * A stream is read piece by piece while the message is sent, as fast as the server takes it, and only once: the message can
 * be sent once. What the stream throws ends the message, nothing is delivered, and it is the `cause` of the `FileIOError`.
 */
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
  /** The original name of `fileName`. */
  get Filename(): string | null;
  set Filename(value: Path | null | undefined);
  /** The original name of `displayName`. */
  get DisplayName(): string | null;
  set DisplayName(value: string | null | undefined);
  /** The original name of `contentType`. */
  get ContentType(): string | null;
  set ContentType(value: string | null | undefined);
  /** The original name of `contentId`. */
  get ContentID(): string | null;
  set ContentID(value: string | null | undefined);
}

/** A file or bytes that the HTML text shows. */
export declare class EmbeddedObject extends Attachment {
  constructor(source?: Source, contentId?: string | null, displayName?: string | null);
  constructor(given: Given<Attachment>);
}

/** What comes with a message. */
export declare class Attachments extends Collection<
  Attachment,
  [attachment: Attachment | Given<Attachment>] | [source: Source, displayName?: string | null]
> {}

/** What the HTML of a message shows, by `cid:`. */
export declare class EmbeddedObjects extends Collection<
  EmbeddedObject,
  [object: EmbeddedObject | Given<Attachment>] | [source: Source, contentId: string, displayName?: string | null]
> {}

/** An invitation: an iCalendar text that mail programs offer to accept or decline (RFC 5546, RFC 6047). */
export declare class Calendar {
  constructor(text?: string, method?: string, fileName?: string | null);
  constructor(given: Given<Calendar>);
  /** The text (RFC 5545), `BEGIN:VCALENDAR` to `END:VCALENDAR`. */
  get text(): string;
  set text(value: string);
  /** The method, such as `REQUEST`; empty for that of the text. */
  get method(): string;
  set method(value: string);
  /** The name under which it is attached as a file too, `invite.ics` at first; null when it is not. */
  get fileName(): string | null;
  set fileName(value: string | null | undefined);
  /** The original name of `text`. */
  get Text(): string;
  set Text(value: string);
  /** The original name of `method`. */
  get Method(): string;
  set Method(value: string);
  /** The original name of `fileName`. */
  get FileName(): string | null;
  set FileName(value: string | null | undefined);
}

/**
 * One DKIM signature (RFC 6376): whose it is, the key, and what it covers. The key is in no view and no error. `key` is PEM
 * text, RSA or Ed25519, not encrypted; or the 32 bytes of an Ed25519 key in base64. The domain's DNS has the public key at
 * `selector._domainkey.domain`.
 */
export declare class DkimSigner {
  constructor(domain: string, selector: string, key: string);
  constructor(given: { domain: string; selector: string; key: string } & Omit<Given<DkimSigner>, 'domain' | 'selector' | 'algorithm'>);
  /** The domain that answers for the message, in ASCII. */
  get domain(): string;
  /** Which of the domain's keys. */
  get selector(): string;
  /** `rsa-sha256` or `ed25519-sha256`, as the key is. */
  get algorithm(): string;
  /** On whose behalf, an address in the domain or under it, or `@domain`; null: not said. */
  get identity(): string | null;
  set identity(value: string | null | undefined);
  /** The headers to sign, each as often as it occurs; `From` must be among them. */
  get headers(): readonly string[];
  set headers(value: readonly string[]);
  /** The headers that cannot be added later without breaking the signature. */
  get oversigned(): readonly string[];
  set oversigned(value: readonly string[]);
  /** How headers may change on the way; `Relaxed` at first. */
  get headerCanonicalization(): Canonicalization;
  set headerCanonicalization(value: Choice<typeof Canonicalization>);
  /** How the body may change on the way; `Relaxed` at first. */
  get bodyCanonicalization(): Canonicalization;
  set bodyCanonicalization(value: Choice<typeof Canonicalization>);
  /** After how many seconds the signature is void; null: never. */
  get expiresAfter(): number | null;
  set expiresAfter(value: number | null | undefined);
  /** The original name of `domain`. */
  get Domain(): string;
  /** The original name of `selector`. */
  get Selector(): string;
  /** The original name of `algorithm`. */
  get Algorithm(): string;
  /** The original name of `identity`. */
  get Identity(): string | null;
  set Identity(value: string | null | undefined);
  /** The original name of `headers`. */
  get Headers(): readonly string[];
  set Headers(value: readonly string[]);
  /** The original name of `oversigned`. */
  get Oversigned(): readonly string[];
  set Oversigned(value: readonly string[]);
  /** The original name of `headerCanonicalization`. */
  get HeaderCanonicalization(): Canonicalization;
  set HeaderCanonicalization(value: Choice<typeof Canonicalization>);
  /** The original name of `bodyCanonicalization`. */
  get BodyCanonicalization(): Canonicalization;
  set BodyCanonicalization(value: Choice<typeof Canonicalization>);
  /** The original name of `expiresAfter`. */
  get ExpiresAfter(): number | null;
  set ExpiresAfter(value: number | null | undefined);
}

/** The signatures to add, the first one outermost. */
export declare class DkimSigners extends Collection<
  DkimSigner,
  [signer: DkimSigner | ConstructorParameters<typeof DkimSigner>[0]] | [domain: string, selector: string, key: string]
> {}

/** What stands in the fields of one message; numbers and booleans are written as `String` does it. */
export type MergeRow = { readonly [name: string]: string | number | bigint | boolean };

/**
 * A message whose texts are compiled once, and filled in for each row. They may have `{{ fields }}` of Jinja, with its
 * filters and conditions: the subject, the texts, addresses and names, the values of custom headers, names of attachments,
 * links to unsubscribe, and the invitation. In HTML texts the values are escaped. The message is copied.
 */
export declare class MergeTemplate {
  constructor(message: EmailMessage);
  /**
   * The message of one row. A field that the row does not have is a `MessageError`, never an empty text; what comes out is
   * checked like any message when it is sent, so a row can inject nothing.
   */
  render(row: MergeRow): EmailMessage;
  /** The original name of `render`. */
  Render(row: MergeRow): EmailMessage;
}

/** The message of each row, made when it is asked for: `smtp.sendBulk(merge(message, rows))`. */
export declare function merge(template: EmailMessage | MergeTemplate, rows: Iterable<MergeRow>): Generator<EmailMessage, void, undefined>;
/** The same of rows that come one by one. */
export declare function merge(
  template: EmailMessage | MergeTemplate,
  rows: AsyncIterable<MergeRow>,
): AsyncGenerator<EmailMessage, void, undefined>;

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
  /** The original name of `name`. */
  get Name(): string;
  set Name(value: string);
  /** The original name of `value`. */
  get Value(): string;
  set Value(value: string);
}

/** Further headers, in their order. */
export declare class CustomHeaders extends Collection<
  CustomHeader,
  [header: CustomHeader | Given<CustomHeader>] | [name: string, value: string]
> {}

/** The original name of {@link diagnose}. */
export declare const Diagnose: typeof diagnose;

/** The original name of {@link explain}. */
export declare const Explain: typeof explain;

/** The original name of {@link SMTPConnectionError}. */
export declare const SMTPConnectionException: typeof SMTPConnectionError;
export type SMTPConnectionException = SMTPConnectionError;

/** The original name of {@link SMTPAuthenticationError}. */
export declare const SMTPAuthenticationException: typeof SMTPAuthenticationError;
export type SMTPAuthenticationException = SMTPAuthenticationError;

/** The original name of {@link SMTPProtocolError}. */
export declare const SMTPProtocolException: typeof SMTPProtocolError;
export type SMTPProtocolException = SMTPProtocolError;

/** The original name of {@link FileIOError}. */
export declare const FileIOException: typeof FileIOError;
export type FileIOException = FileIOError;

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
}

/** Further headers, in their order. */
export declare class CustomHeaders extends Collection<
  CustomHeader,
  [header: CustomHeader | Given<CustomHeader>] | [name: string, value: string]
> {}

/** A message: who, to whom, what. It may hold anything while it is built, and is checked when it is sent. */
export declare class EmailMessage {
  constructor(recipientEmail?: string, fromEmail?: string, subject?: string, bodyText?: string, bodyPartFormat?: Choice);
  /**
   * A whole message in the form of RFC 5322, from a file or bytes, passed through; `Bcc` is left out. The envelope is
   * that of its headers, unless `returnPath`, `sender`, `from` or `recipients` are set. Nothing else may be.
   */
  static raw(source: Source): EmailMessage;
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
  /** The messages that this one answers, by their `Message-ID` (RFC 5322 section 3.6.4). */
  get inReplyTo(): readonly string[];
  set inReplyTo(value: readonly string[]);
  /** The thread, oldest first, by `Message-ID`. */
  get references(): readonly string[];
  set references(value: readonly string[]);
  /** Whether a program wrote it (RFC 3834): a value of `AutoSubmitted`. */
  get autoSubmitted(): number;
  set autoSubmitted(value: Choice);
  /** Links that end a subscription, the preferred one first: `https://…`, `mailto:…` (RFC 2369). */
  get listUnsubscribe(): readonly string[];
  set listUnsubscribe(value: readonly string[]);
  /** Whether an empty POST to the https link is enough (RFC 8058). */
  get listUnsubscribeOneClick(): boolean;
  set listUnsubscribeOneClick(value: boolean);
  /** An invitation. */
  get calendar(): Calendar | null;
  set calendar(value: Calendar | Given<Calendar> | string | null | undefined);
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

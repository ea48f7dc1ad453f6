// The message and its parts.
'use strict';

const native = require('./native.cjs');
const delivery = require('./delivery.cjs');
const names = require('./names.cjs');
const { Collection, valuesOf } = require('./collection.cjs');
const { DkimSigner, DkimSigners } = require('./dkim.cjs');
const { take } = require('./error.cjs');
const { bytes, choice, date, flag, optional, path, refuse, text, words } = require('./kinds.cjs');
const { Record, VALUES, define, record } = require('./record.cjs');
const { Reader, isSource, nameOf } = require('./stream.cjs');

const defaults = take(native.messageDefaults());

class Address extends Record {
  static positional = ['email', 'name'];
  static defaults() {
    return { email: '', name: '' };
  }
}
define(Address, { email: text, name: text });

class Recipient extends Record {
  static positional = ['email', 'name', 'type'];
  static defaults() {
    return { email: '', name: '', type: defaults.recipientType, ...delivery.recipientDefaults(defaults) };
  }
}
define(Recipient, { email: text, name: text, type: choice('RecipientType'), ...delivery.recipient });
delivery.moment(Recipient, 'validSince');

class BodyPart extends Record {
  static positional = ['body', 'format', 'encoding'];
  static defaults() {
    return { body: '', format: defaults.format, encoding: defaults.encoding };
  }
}
define(BodyPart, { body: text, format: choice('BodyPartFormat'), encoding: choice('BodyPartEncoding') });

class CustomHeader extends Record {
  static positional = ['name', 'value'];
  static defaults() {
    return { name: '', value: '' };
  }
}
define(CustomHeader, { name: text, value: text });

/** An attachment without content; `readers` are those of its streams. */
const NOTHING = { fileName: null, bytes: null, stream: null, message: null, readers: Object.freeze([]) };

/** A file, bytes, a stream or a message, beside the text. */
class Attachment extends Record {
  static positional = ['source', 'displayName'];
  static defaults() {
    return { ...NOTHING, displayName: null, contentType: null, contentId: null };
  }

  /**
   * A path or a file: URL, opened when the message is sent; bytes or a message, copied now; or a Readable or an iterable
   * of bytes, read once while the message is sent.
   */
  set source(value) {
    const values = this[VALUES];
    if (typeof value === 'string' || value instanceof URL) {
      Object.assign(values, NOTHING, { fileName: path(value, names.members.Attachment.fileName) });
    } else if (value instanceof EmailMessage) {
      const held = messageValues(value);
      Object.assign(values, NOTHING, { message: take(native.holdMessage(held)), readers: readersOf(held) });
      values.contentType ??= 'message/rfc822';
    } else if (isSource(value) && !(value instanceof Uint8Array)) {
      const reader = new Reader(value);
      Object.assign(values, NOTHING, { stream: reader.handle, readers: [reader] });
      values.displayName ??= nameOf(value);
    } else {
      Object.assign(values, NOTHING, { bytes: bytes(value, 'Source') });
    }
  }
}
define(Attachment, {
  fileName: optional(path),
  displayName: optional(text),
  contentType: optional(text),
  contentId: optional(text),
});

/** The same, shown by the HTML text. */
class EmbeddedObject extends Attachment {
  static positional = ['source', 'contentId', 'displayName'];
}

/** An invitation. */
class Calendar extends Record {
  static positional = ['text', 'method', 'fileName'];
  static defaults() {
    return take(native.newCalendar(''));
  }
}
define(Calendar, { text, method: text, fileName: optional(text) });

class Recipients extends Collection {
  static Item = Recipient;
}
class BodyParts extends Collection {
  static Item = BodyPart;
}
class Attachments extends Collection {
  static Item = Attachment;
}
class EmbeddedObjects extends Collection {
  static Item = EmbeddedObject;
}
class CustomHeaders extends Collection {
  static Item = CustomHeader;
}

const COLLECTIONS = {
  recipients: Recipients,
  bodyParts: BodyParts,
  attachments: Attachments,
  embeddedObjects: EmbeddedObjects,
  customHeaders: CustomHeaders,
  dkim: DkimSigners,
};
const ADDRESSES = ['from', 'replyTo', 'sender'];

class EmailMessage extends Record {
  static positional = ['recipientEmail', 'fromEmail', 'subject', 'bodyText', 'bodyPartFormat'];
  static defaults() {
    return {
      from: new Address(),
      replyTo: new Address(),
      sender: new Address(),
      returnPath: null,
      subject: '',
      priority: defaults.priority,
      messageId: null,
      date: null,
      charsetEncoding: defaults.charsetEncoding,
      inReplyTo: Object.freeze([]),
      references: Object.freeze([]),
      autoSubmitted: defaults.autoSubmitted,
      listUnsubscribe: Object.freeze([]),
      listUnsubscribeOneClick: false,
      calendar: null,
      ...delivery.messageDefaults(),
      ...delivery.spoolDefaults(),
      rawFile: null,
      rawBytes: null,
      ...Object.fromEntries(Object.entries(COLLECTIONS).map(([name, Class]) => [name, new Class()])),
    };
  }

  constructor(recipientEmail, fromEmail, subject, bodyText, bodyPartFormat) {
    super();
    if (recipientEmail !== undefined) {
      this.recipients.add(recipientEmail);
    }
    if (fromEmail !== undefined) {
      this.from.email = fromEmail;
    }
    if (subject !== undefined) {
      this.subject = subject;
    }
    if (bodyText !== undefined) {
      this.bodyParts.add(bodyText, bodyPartFormat);
    }
  }

  /** A whole message, from a file or bytes, passed through. */
  static raw(source) {
    const message = new this();
    const isFile = typeof source === 'string' || source instanceof URL;
    Object.assign(message[VALUES], isFile ? { rawFile: path(source, 'Raw') } : { rawBytes: bytes(source, 'Raw') });
    return message;
  }

  get date() {
    const milliseconds = this[VALUES].date;
    return milliseconds === null ? null : new Date(milliseconds);
  }

  set date(value) {
    this[VALUES].date = optional(date)(value, names.members.EmailMessage.date);
  }

  /** The message as it would be sent. */
  toBytes() {
    return take(native.messageToBytes(messageValues(this, BLOCKING)));
  }

  /** Writes the message to a file. */
  saveMessage(fileName) {
    take(native.saveMessage(messageValues(this, BLOCKING), path(fileName, 'FileName')));
  }

  /** Makes it an empty message again. */
  reset() {
    Object.assign(this[VALUES], EmailMessage.defaults());
  }

  toJSON() {
    const { rawBytes, ...shown } = this[VALUES];
    return { ...shown, date: this.date, holdUntil: this.holdUntil, notBefore: this.notBefore, expires: this.expires };
  }
}
define(EmailMessage, {
  from: record(Address),
  replyTo: record(Address),
  sender: record(Address),
  returnPath: optional(text),
  subject: text,
  priority: choice('Priority'),
  messageId: optional(text),
  charsetEncoding: text,
  inReplyTo: words,
  references: words,
  autoSubmitted: choice('AutoSubmitted'),
  listUnsubscribe: words,
  listUnsubscribeOneClick: flag,
  calendar: optional(record(Calendar)),
  ...delivery.message,
  ...delivery.spool,
});
for (const name of ['holdUntil', 'notBefore', 'expires']) {
  delivery.moment(EmailMessage, name);
}
for (const name of Object.keys(COLLECTIONS)) {
  Object.defineProperty(EmailMessage.prototype, name, {
    get() {
      return this[VALUES][name];
    },
    configurable: true,
    enumerable: true,
  });
}
for (const Class of [Address, Recipient, BodyPart, Attachment, CustomHeader, Calendar, EmailMessage]) {
  names.apply(Class);
}

/** A call that blocks the event loop, which would have to read the streams. */
const BLOCKING = Symbol('blocking');

/** The readers of all streams of a message, by its values. */
function readersOf({ attachments, embeddedObjects }) {
  return [...attachments, ...embeddedObjects].flatMap(({ readers }) => readers);
}

function refuseStreams(values) {
  for (const name of ['attachments', 'embeddedObjects']) {
    const index = values[name].findIndex(({ readers }) => readers.length > 0);
    if (index >= 0) {
      refuse(`${names.members.EmailMessage[name]}[${index}].Source`,
        'is a stream, which a call that blocks the event loop cannot read; use send or sendBulk, or give its bytes');
    }
  }
}

/** What the native half reads: a copy, so that later changes do not reach a send under way. */
function messageValues(message, how) {
  if (!(message instanceof EmailMessage)) {
    throw new TypeError('the message must be an EmailMessage');
  }
  const values = { ...message[VALUES] };
  for (const name of ADDRESSES) {
    values[name] = values[name][VALUES];
  }
  for (const name of Object.keys(COLLECTIONS)) {
    values[name] = valuesOf(values[name]);
  }
  values.calendar &&= values.calendar[VALUES];
  values.delivery = delivery.deliveryOf(values);
  values.spool = delivery.spoolOf(values);
  if (how === BLOCKING) {
    refuseStreams(values);
  }
  return values;
}

/** A message with the same settings, whose parts can be changed apart from the other's; contents are shared. */
function messageCopy(message) {
  const copy = new EmailMessage();
  const copied = (item) => {
    const other = Object.create(Object.getPrototypeOf(item));
    Object.defineProperty(other, VALUES, { value: { ...item[VALUES] } });
    return other;
  };
  Object.assign(copy[VALUES], message[VALUES]);
  for (const name of ADDRESSES) {
    copy[VALUES][name] = copied(message[name]);
  }
  for (const [name, Class] of Object.entries(COLLECTIONS)) {
    copy[VALUES][name] = Class.from(message[name], (item) => copied(Class.Item.from(item)));
  }
  copy[VALUES].calendar &&= copied(message.calendar);
  return copy;
}

const classes = {
  Calendar, Address, Recipient, Recipients, BodyPart, BodyParts, Attachment, Attachments, EmbeddedObject, EmbeddedObjects,
  CustomHeader, CustomHeaders, DkimSigner, DkimSigners, EmailMessage,
};
module.exports = { BLOCKING, classes, messageCopy, messageValues, readersOf };

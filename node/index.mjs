// The same package for `import`.
import freesmtp from './index.cjs';

export const {
  SMTP, SMTPServer, SMTPServers, Address, AutoSubmitted, Calendar, Recipient, Recipients, BodyPart, BodyParts, Attachment,
  Attachments, EmbeddedObject, EmbeddedObjects, CustomHeader, CustomHeaders, DkimSigner, DkimSigners, EmailMessage, MergeTemplate, merge, RecipientType, Canonicalization, Durability,
  Notify, ReturnContent, DeliverByMode, ValidSinceAction,
  BodyPartFormat, BodyPartEncoding, Priority, SMTPAuthMode, Security, SMTPError, SMTPConnectionError,
  SMTPAuthenticationError, SMTPProtocolError, SMTPRecipientsRefused, SMTPOutcomeUnknown, MessageError,
  FileIOError, SpoolError, Cancelled, diagnose, explain, version, Diagnose, Explain, SMTPConnectionException,
  SMTPAuthenticationException, SMTPProtocolException, FileIOException,
} = freesmtp;

export default freesmtp;

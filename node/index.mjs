// The same package for `import`.
import freesmtp from './index.cjs';

export const {
  SMTP, SMTPServer, SMTPServers, Address, Recipient, Recipients, BodyPart, BodyParts, Attachment,
  Attachments, EmbeddedObject, EmbeddedObjects, CustomHeader, CustomHeaders, EmailMessage, RecipientType,
  BodyPartFormat, BodyPartEncoding, Priority, SMTPAuthMode, Security, SMTPError, SMTPConnectionError,
  SMTPAuthenticationError, SMTPProtocolError, SMTPRecipientsRefused, SMTPOutcomeUnknown, MessageError,
  FileIOError, SpoolError, Cancelled, diagnose, version, Diagnose, SMTPConnectionException,
  SMTPAuthenticationException, SMTPProtocolException, FileIOException,
} = freesmtp;

export default freesmtp;

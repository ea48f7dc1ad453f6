// The one table of names: each idiomatic name, and the original name that answers beside it.
//
// It makes the members (`apply`), their types (scripts/types.mjs) and the field names in errors (record.cjs);
// a test compares it with the classes.
'use strict';

const members = {
  SMTP: {
    smtpServers: 'SMTPServers',
    logFile: 'LogFile',
    logOptions: 'LogOptions',
    defaultDomain: 'DefaultDomain',
    defaultTimeout: 'DefaultTimeout',
    timeouts: 'Timeouts',
    allOrNothing: 'AllOrNothing',
    maxConnections: 'MaxConnections',
    maxMessagesPerConnection: 'MaxMessagesPerConnection',
    rateLimit: 'RateLimit',
    spoolPath: 'SpoolPath',
    spoolDurability: 'SpoolDurability',
    submitToSpool: 'SubmitToSpool',
    submitBulk: 'SubmitBulk',
    syncSpool: 'SyncSpool',
    spoolStatus: 'SpoolStatus',
    blastStatus: 'BlastStatus',
    waitForBlast: 'WaitForBlast',
    waitForMessage: 'WaitForMessage',
    pauseBlast: 'PauseBlast',
    resumeBlast: 'ResumeBlast',
    cancelBlast: 'CancelBlast',
    spoolEvents: 'SpoolEvents',
    connected: 'Connected',
    version: 'Version',
    send: 'Send',
    sendSync: 'SendSync',
    sendBulk: 'SendBulk',
    sendBulkMerge: 'SendBulkMerge',
    submitBulkMerge: 'SubmitBulkMerge',
    connect: 'Connect',
    disconnect: 'Disconnect',
    cancel: 'Cancel',
    sendSMTPCommand: 'SendSMTPCommand',
    check: 'Check',
    reset: 'Reset',
  },
  LogOptions: { timestamps: 'Timestamps', body: 'Body', json: 'Json' },
  Timeouts: {
    connect: 'Connect',
    greeting: 'Greeting',
    command: 'Command',
    dataBlock: 'DataBlock',
    endOfData: 'EndOfData',
    operation: 'Operation',
  },
  SMTPServer: {
    name: 'Name',
    port: 'Port',
    timeout: 'Timeout',
    authMode: 'AuthMode',
    account: 'Account',
    password: 'Password',
    sasl: 'SASL',
    token: 'Token',
    mailAuth: 'MailAuth',
    lmtp: 'Lmtp',
    proxy: 'Proxy',
    localEndPoint: 'LocalEndPoint',
    security: 'Security',
    caFile: 'CaFile',
    caPem: 'CaPem',
    clientCertificate: 'ClientCertificate',
    clientKey: 'ClientKey',
    clientCertificatePassword: 'ClientCertificatePassword',
    certificatePins: 'CertificatePins',
    tlsServerName: 'TlsServerName',
    minTlsVersion: 'MinTlsVersion',
    allowPlaintextAuth: 'AllowPlaintextAuth',
    disabledExtensions: 'DisabledExtensions',
    dangerAcceptInvalidCerts: 'DangerAcceptInvalidCerts',
    dangerAcceptInvalidHostnames: 'DangerAcceptInvalidHostnames',
  },
  EmailMessage: {
    from: 'From',
    replyTo: 'ReplyTo',
    sender: 'Sender',
    returnPath: 'ReturnPath',
    subject: 'Subject',
    priority: 'Priority',
    messageId: 'MessageID',
    date: 'Date',
    charsetEncoding: 'CharsetEncoding',
    recipients: 'Recipients',
    bodyParts: 'BodyParts',
    attachments: 'Attachments',
    embeddedObjects: 'EmbeddedObjects',
    customHeaders: 'CustomHeaders',
    inReplyTo: 'InReplyTo',
    references: 'References',
    autoSubmitted: 'AutoSubmitted',
    listUnsubscribe: 'ListUnsubscribe',
    listUnsubscribeOneClick: 'ListUnsubscribeOneClick',
    calendar: 'Calendar',
    dkim: 'DKIM',
    returnContent: 'ReturnContent',
    envelopeId: 'EnvelopeID',
    requireTls: 'RequireTls',
    deliverBy: 'DeliverBy',
    deliverByMode: 'DeliverByMode',
    deliverByTrace: 'DeliverByTrace',
    holdFor: 'HoldFor',
    holdUntil: 'HoldUntil',
    mtPriority: 'MtPriority',
    optionalExtensions: 'OptionalExtensions',
    notBefore: 'NotBefore',
    expires: 'Expires',
    spoolPriority: 'SpoolPriority',
    blast: 'Blast',
    idempotencyKey: 'IdempotencyKey',
    toBytes: 'ToBytes',
    saveMessage: 'SaveMessage',
    reset: 'Reset',
  },
  Address: { email: 'Email', name: 'Name' },
  Recipient: {
    email: 'Email',
    name: 'Name',
    type: 'Type',
    notify: 'Notify',
    originalRecipient: 'OriginalRecipient',
    validSince: 'ValidSince',
    validSinceAction: 'ValidSinceAction',
  },
  BodyPart: { body: 'Body', format: 'Format', encoding: 'Encoding' },
  Attachment: {
    fileName: 'Filename',
    displayName: 'DisplayName',
    contentType: 'ContentType',
    contentId: 'ContentID',
  },
  Calendar: { text: 'Text', method: 'Method', fileName: 'FileName' },
  DkimSigner: {
    domain: 'Domain',
    selector: 'Selector',
    algorithm: 'Algorithm',
    identity: 'Identity',
    headers: 'Headers',
    oversigned: 'Oversigned',
    headerCanonicalization: 'HeaderCanonicalization',
    bodyCanonicalization: 'BodyCanonicalization',
    expiresAfter: 'ExpiresAfter',
  },
  MergeTemplate: { render: 'Render' },
  CustomHeader: { name: 'Name', value: 'Value' },
  Collection: { count: 'Count', add: 'Add', remove: 'Remove', getLastItem: 'GetLastItem' },
  // The argument of `check`.
  CheckOptions: {
    from: 'From',
    to: 'To',
    dkimSelector: 'DkimSelector',
    outgoingIp: 'OutgoingIp',
    dns: 'Dns',
    timeout: 'Timeout',
    server: 'Server',
  },
  // The argument of `diagnose`.
  DiagnosisContext: {
    host: 'Host',
    port: 'Port',
    greetingHost: 'GreetingHost',
    offered: 'Offered',
    credentialsSet: 'CredentialsSet',
    authenticated: 'Authenticated',
    tls: 'Tls',
    user: 'User',
    mechanism: 'Mechanism',
    localAddress: 'LocalAddress',
    ehloName: 'EhloName',
    sender: 'Sender',
    recipient: 'Recipient',
    messageSize: 'MessageSize',
    recipientCount: 'RecipientCount',
    messageId: 'MessageID',
  },
};

const statics = { SMTP: { quickSend: 'QuickSend' }, EmailMessage: { raw: 'Raw' } };

const exported = {
  diagnose: 'Diagnose',
  explain: 'Explain',
  SMTPConnectionError: 'SMTPConnectionException',
  SMTPAuthenticationError: 'SMTPAuthenticationException',
  SMTPProtocolError: 'SMTPProtocolException',
  FileIOError: 'FileIOException',
};

/** Gives the members of `target` that `names` lists their original names too. */
function alias(target, names) {
  for (const [name, original] of Object.entries(names)) {
    const descriptor = Object.getOwnPropertyDescriptor(target, name);
    // Forwarded, not copied: a subclass that overrides one name has overridden both.
    const forward =
      'value' in descriptor
        ? { value: { [original](...args) { return this[name](...args); } }[original], writable: true }
        : {
            get() {
              return this[name];
            },
            set:
              descriptor.set &&
              function set(value) {
                this[name] = value;
              },
          };
    Object.defineProperty(target, original, { ...forward, configurable: true, enumerable: false });
  }
}

/** Gives a class its original names. */
function apply(Class) {
  alias(Class.prototype, members[Class.name] ?? {});
  alias(Class, statics[Class.name] ?? {});
}

module.exports = { members, statics, exported, apply };

// The enums of the object API, with the original numbers. Names are taken as strings too, in any case.
'use strict';

module.exports = {
  RecipientType: Object.freeze({ To: 0, CC: 1, BCC: 2 }),
  BodyPartFormat: Object.freeze({ Plain: 0, HTML: 1 }),
  BodyPartEncoding: Object.freeze({ None: 0, QuotedPrintable: 2, Base64: 3, Auto: 4 }),
  Priority: Object.freeze({ High: 1, Normal: 3, Low: 5 }),
  SMTPAuthMode: Object.freeze({
    None: 0,
    AuthLogin: 1,
    CramMD5: 2,
    SASL: 4,
    Plain: 16,
    DigestMD5: 17,
    ScramSHA1: 18,
    ScramSHA256: 19,
    ScramSHA512: 20,
    ScramMD5: 21,
    NTLM: 22,
    XOAuth2: 23,
    OAuthBearer: 24,
    External: 25,
    Anonymous: 26,
    Auto: 27,
  }),
  Security: Object.freeze({ None: 0, Opportunistic: 1, Required: 2, Implicit: 3, Auto: 4 }),
};

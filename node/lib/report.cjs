// The report of a send.
'use strict';

/** The native report with the certificate's expiry as a Date. */
function toReport(report) {
  const expiry = report.tls?.certificateNotAfter;
  if (typeof expiry === 'number') {
    report.tls.certificateNotAfter = new Date(expiry * 1000);
  }
  return report;
}

module.exports = { toReport };

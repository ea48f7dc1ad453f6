// What the agent of the spool tells.
'use strict';

const { take } = require('./error.cjs');

const date = (milliseconds) => (milliseconds === null ? null : new Date(milliseconds));

/** The answer as the program gets it: with moments. */
function toSpoolStatus({ submitted, expires, recipients, ...status }) {
  return {
    ...status,
    submitted: date(submitted),
    expires: date(expires),
    recipients: recipients.map(({ nextAttempt, at, ...recipient }) =>
      ({ ...recipient, nextAttempt: date(nextAttempt), at: date(at) })),
  };
}

/** Events as they happen, until the loop is left, the signal is aborted, or the agent ends. */
async function* eventsOf(opening, signal) {
  const events = take(await opening);
  const cancel = () => take(events.cancel());
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    if (signal?.aborted) {
      cancel();
    }
    for (;;) {
      const event = take(await events.next());
      if (event === undefined || event === null) {
        return;
      }
      yield event;
    }
  } finally {
    signal?.removeEventListener('abort', cancel);
    cancel();
  }
}

module.exports = { eventsOf, toSpoolStatus };

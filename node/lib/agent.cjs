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
function eventsOf(opening, cancel, signal) {
  const end = () => take(cancel.cancel());
  // At once: the agent may be slow to answer, and the loop to begin.
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted) {
    end();
  }
  return told(opening, end, signal);
}

async function* told(opening, end, signal) {
  try {
    const events = take(await opening);
    for (;;) {
      const event = take(await events.next());
      if (event === undefined || event === null) {
        return;
      }
      yield event;
    }
  } finally {
    signal?.removeEventListener('abort', end);
    end();
  }
}

module.exports = { eventsOf, toSpoolStatus };

// How far a blast is.

import type { Blast } from "../api/types"
import { count, duration, percent } from "../format"
import { plain } from "../text"

interface Share {
  kind: string
  label: string
  count: number
}

/** The parts of a blast, in the order in which they are drawn. What waits is last: it is what is left. */
export function shares(blast: Blast): Share[] {
  return [
    { kind: "delivered", label: "Delivered", count: blast.delivered },
    { kind: "failed", label: "Failed", count: blast.failed + blast.expired },
    { kind: "cancelled", label: "Cancelled", count: blast.cancelled },
    { kind: "deferred", label: "Deferred", count: blast.deferred },
    { kind: "waiting", label: "Waiting", count: Math.max(0, blast.open - blast.deferred) },
  ]
}

/** When it is through: what is left in seconds, or why that cannot be told. */
export function left(blast: Blast): string {
  if (blast.open > 0 && blast.open <= blast.deferred) return "what is left waits for another attempt"
  return blast.eta_seconds === null ? "no end in sight yet" : `${duration(blast.eta_seconds)} left`
}

export const ended = (blast: Blast): number => blast.recipients - blast.open

export function Bar({ blast }: { blast: Blast }) {
  const done = ended(blast)
  const said = shares(blast)
    .filter((share) => share.count > 0)
    .map((share) => `${share.label.toLowerCase()} ${count(share.count)}`)
  return (
    <div
      class="bar"
      role="progressbar"
      aria-label={`Progress of ${plain(blast.name)}`}
      aria-valuemin={0}
      aria-valuemax={blast.recipients}
      aria-valuenow={done}
      aria-valuetext={`${percent(done, blast.recipients)} of ${count(blast.recipients)} recipients: ${said.join(", ")}`}
    >
      {shares(blast).map((share) =>
        share.count > 0 ? (
          <span class={`share is-${share.kind}`} key={share.kind} style={{ flexGrow: share.count }} />
        ) : null,
      )}
    </div>
  )
}

/** The numbers of the bar, and the colours that mean them. */
export function Shares({ blast }: { blast: Blast }) {
  return (
    <dl class="shares">
      {shares(blast).map((share) => (
        <div key={share.kind} class={share.count === 0 ? "is-none" : ""}>
          <dt>
            <span class={`key is-${share.kind}`} />
            {share.label}
          </dt>
          <dd>{count(share.count)}</dd>
        </div>
      ))}
    </dl>
  )
}

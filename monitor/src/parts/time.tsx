// Moments, and how long ago they were.

import { duration, fullMoment, moment } from "../format"
import { now } from "../live/live"

/** After so many milliseconds something is not of just now. */
const OLD = 15_000

export function Moment({ at }: { at: string | null | undefined }) {
  if (!at) return <span class="faint">–</span>
  const date = new Date(at)
  return (
    <time dateTime={at} title={fullMoment(date)}>
      {moment(date)}
    </time>
  )
}

/** Says of what moment something is, when that is not just now. */
export function AsOf({ at }: { at: string | undefined }) {
  if (!at || now.value - Date.parse(at) < OLD) return null
  return (
    <span class="hint">
      {" "}
      as of <Moment at={at} />
    </span>
  )
}

/** `in 3 min`, `5 s ago`: from now. */
export function FromNow({ at }: { at: string | null | undefined }) {
  if (!at) return <span class="faint">–</span>
  const date = new Date(at)
  const seconds = (date.getTime() - now.value) / 1_000
  const text =
    Math.abs(seconds) < 1 ? "now" : seconds > 0 ? `in ${duration(seconds)}` : `${duration(-seconds)} ago`
  return (
    <time dateTime={at} title={fullMoment(date)}>
      {text}
    </time>
  )
}

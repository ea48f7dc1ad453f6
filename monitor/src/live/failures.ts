// What failed for good while this page was open, by cause. Such messages have left the queue; the events file keeps them.

import type { DeliveryEvent } from "../api/types"

export interface Failed {
  cause: string
  remedy: string
  count: number
  /** The latest of them, the latest first. */
  latest: readonly DeliveryEvent[]
}

/** As many messages of a cause are kept, to look at. */
const LATEST = 20

/** Counts an event; the most frequent cause is first. */
export function counted(before: readonly Failed[], event: DeliveryEvent): readonly Failed[] {
  if (event.event === "deferred") return before
  const cause = event.event === "expired" ? "expired" : event.cause || "unknown"
  const found = before.find((failed) => failed.cause === cause)
  const remedy = event.remedy || found?.remedy || ""
  const latest = [event, ...(found?.latest ?? [])].slice(0, LATEST)
  const others = before.filter((failed) => failed.cause !== cause)
  return [...others, { cause, remedy, count: (found?.count ?? 0) + 1, latest }].sort(
    (a, b) => b.count - a.count,
  )
}

// How delivery goes, in one sentence.

import type { Point, Status } from "../api/types"
import { count, duration, rate, several } from "../format"

export type Tone = "good" | "calm" | "wait" | "bad"

export interface Verdict {
  tone: Tone
  text: string
  /** What else there is to know, or to do. */
  more: string
}

/** Seconds without a delivery after which mail that is ready stands still. */
const STILL = 30

export function verdict(status: Status, points: readonly Point[]): Verdict {
  const { ready, later, held, messages } = status.queue
  const lately = points.slice(-STILL)
  const delivered = lately.reduce((sum, point) => sum + point.delivered, 0)
  if (messages === 0 && ready + later + held === 0) {
    return { tone: "calm", text: "Nothing waits.", more: "Everything that was submitted has a result." }
  }
  if (status.rate > 0) {
    const left =
      ready > 0
        ? `${several(ready, "delivery is", "deliveries are")} ready to go`
        : "the queue is nearly through"
    const waits = later > 0 ? `, ${count(later)} wait for another attempt` : ""
    return { tone: "good", text: `Delivering ${rate(status.rate)} a second.`, more: `${left}${waits}.` }
  }
  if (ready > 0 && lately.length >= STILL && delivered === 0) {
    return {
      tone: "bad",
      text: "Delivery stands still.",
      more: `${several(ready, "delivery is", "deliveries are")} ready, and none went out for ${duration(STILL)}. The causes say why; a paused blast waits too.`,
    }
  }
  if (ready > 0) {
    return { tone: "calm", text: "Deliveries are under way.", more: `${count(ready)} ready to go.` }
  }
  if (later > 0) {
    const more = "They are tried again by themselves. The causes say why they wait, and what to do."
    return {
      tone: "wait",
      text: `${several(later, "delivery waits", "deliveries wait")} for another attempt.`,
      more,
    }
  }
  return {
    tone: "wait",
    text: `${several(held, "delivery is", "deliveries are")} held.`,
    more: "Release what is to go.",
  }
}

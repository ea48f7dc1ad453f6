// Points as a chart wants them.

import type { Point } from "../api/types"

/** Seconds since 1970, and for each a number; null where nothing is known. */
export type Columns = [number[], (number | null)[], (number | null)[], (number | null)[]]

/** The last `seconds` before `end`, with a hole where the agent was away. */
export function columns(points: readonly Point[], seconds: number, end: number): Columns {
  const found: Columns = [[], [], [], []]
  const [at, delivered, deferred, failed] = found
  const from = end - seconds
  for (const point of points) {
    const second = Math.round(Date.parse(point.at) / 1_000)
    if (second < from) continue
    const before = at.at(-1)
    if (before !== undefined && second - before > 2) {
      at.push(before + 1)
      for (const column of [delivered, deferred, failed]) column.push(null)
    }
    at.push(second)
    delivered.push(point.delivered)
    deferred.push(point.deferred)
    failed.push(point.failed)
  }
  return found
}

/** What each minute brought, the latest first. */
export interface Minute {
  at: Date
  delivered: number
  deferred: number
  failed: number
}

export function minutes(points: readonly Point[]): Minute[] {
  const found = new Map<number, Minute>()
  for (const point of points) {
    const minute = Math.floor(Date.parse(point.at) / 60_000)
    const sum = found.get(minute) ?? { at: new Date(minute * 60_000), delivered: 0, deferred: 0, failed: 0 }
    sum.delivered += point.delivered
    sum.deferred += point.deferred
    sum.failed += point.failed
    found.set(minute, sum)
  }
  return [...found.values()].sort((a, b) => b.at.getTime() - a.at.getTime())
}

/** Points in the order of time, each second once, the last `most` of them. */
export function merged(some: readonly Point[], more: readonly Point[], most: number): Point[] {
  const all = new Map<string, Point>()
  for (const point of some) all.set(point.at, point)
  for (const point of more) all.set(point.at, point)
  return [...all.values()].sort((a, b) => (a.at < b.at ? -1 : 1)).slice(-most)
}

// What the agent tells by itself, kept up while the page is seen; and whether it tells anything.

import { computed, effect, signal } from "@preact/signals"
import { get, Problem } from "../api/api"
import { token } from "../api/token"
import type { Blast, DeliveryEvent, Destinations, History, Point, Status } from "../api/types"
import { merged } from "./series"
import { listen } from "./stream"

/** `away`: nobody looks, so nothing is asked. `locked`: it wants the token before it tells anything. */
export type Link =
  | { state: "connecting" | "live" | "away" | "locked" }
  | { state: "lost"; since: number; retryAt: number; why: string }

/** A status comes each second; after so many milliseconds without a word the agent counts as lost. */
const SILENCE = 8_000
/** The waits between attempts to reach it, in milliseconds; the last one counts for all that follow. */
const WAITS = [500, 1_000, 2_000, 3_000, 5_000, 10_000]
/** An unseen page lets go of its connection: browsers open only six to a server. */
const UNSEEN = 20_000
const MOST_POINTS = 600
const MOST_EVENTS = 100
/** How often `/healthz` is asked. */
const CHECKUP = 15_000

export const link = signal<Link>({ state: "connecting" })
export const status = signal<Status | null>(null)
/** When the agent said something last. */
export const heardAt = signal(0)
export const points = signal<Point[]>([])
export const blasts = signal<ReadonlyMap<string, Blast>>(new Map())
export const destinations = signal<Destinations | null>(null)
/** What did not go well, the latest first. */
export const troubles = signal<readonly DeliveryEvent[]>([])
/** Why the agent says that it is not well. */
export const illness = signal("")
/** How often another agent answered than before. */
export const restarts = signal(0)
/** Ticks each second, for ages. */
export const now = signal(Date.now())

export const isLost = computed(() => link.value.state === "lost")
/** The blasts, those that run first, then the newest. */
export const blastList = computed(() => [...blasts.value.values()].sort(byUrgency))

const ORDER = { running: 0, paused: 1, cancelled: 2, done: 2 }

function byUrgency(a: Blast, b: Blast): number {
  return ORDER[a.state] - ORDER[b.state] || (a.created < b.created ? 1 : -1)
}

let wakeUp = () => {}
let hangUp = () => {}

/** Tries again now. */
export const tryNow = (): void => wakeUp()

/** Takes over blasts that were asked for. */
export function keepBlasts(found: readonly Blast[]): void {
  const all = new Map(blasts.value)
  for (const blast of found) all.set(blast.name, blast)
  blasts.value = all
}

/** Begins to listen, for as long as the page is open. */
export function start(): void {
  setInterval(() => {
    now.value = Date.now()
  }, 1_000)
  setInterval(checkUp, CHECKUP)
  let unseen: ReturnType<typeof setTimeout> | undefined
  document.addEventListener("visibilitychange", () => {
    clearTimeout(unseen)
    if (document.hidden) unseen = setTimeout(hangUp, UNSEEN)
    else wakeUp()
  })
  addEventListener("online", () => wakeUp())
  // With a token, a door that was shut may open.
  effect(() => {
    if (token.value && link.peek().state === "locked") wakeUp()
  })
  void keepListening()
}

async function keepListening(): Promise<never> {
  let failures = 0
  for (;;) {
    if (document.hidden && failures > 0) {
      link.value = { state: "away" }
      await sleep(Number.POSITIVE_INFINITY)
      failures = 0
    }
    const stopping = new AbortController()
    hangUp = () => stopping.abort()
    const before = heardAt.peek()
    let why = "It has ended, or the connection broke"
    let isLocked = false
    try {
      await listen("events", hear, SILENCE, stopping.signal)
    } catch (error) {
      if (error instanceof Problem) {
        why = error.message
        isLocked = error.status === 401
      }
    }
    failures = heardAt.peek() > before ? 1 : failures + 1
    if (stopping.signal.aborted && document.hidden) continue
    const wait = isLocked ? Number.POSITIVE_INFINITY : (WAITS[Math.min(failures, WAITS.length) - 1] ?? 0)
    const earlier = link.peek()
    const since = earlier.state === "lost" ? earlier.since : Date.now()
    link.value = isLocked ? { state: "locked" } : { state: "lost", since, retryAt: Date.now() + wait, why }
    await sleep(wait)
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = Number.isFinite(milliseconds) ? setTimeout(resolve, milliseconds) : 0
    wakeUp = () => {
      clearTimeout(timer)
      resolve()
    }
  })
}

function hear(name: string, data: string): void {
  heardAt.value = Date.now()
  if (link.peek().state !== "live") {
    link.value = { state: "live" }
    void catchUp()
  }
  const take = HEARD[name]
  if (take) take(JSON.parse(data) as never)
}

const HEARD: Record<string, (data: never) => void> = {
  status: takeStatus,
  point: (point: Point) => {
    points.value = merged(points.peek(), [point], MOST_POINTS)
  },
  blasts: (found: { blasts: Blast[] }) => keepBlasts(found.blasts),
  destinations: (found: Destinations) => {
    destinations.value = found
  },
  delivery: (event: DeliveryEvent) => {
    troubles.value = [event, ...troubles.peek()].slice(0, MOST_EVENTS)
  },
}

function takeStatus(found: Status): void {
  const before = status.peek()
  if (before && (before.started !== found.started || before.pid !== found.pid)) restarts.value += 1
  status.value = found
}

/** What was missed while nobody listened. */
async function catchUp(): Promise<void> {
  void checkUp()
  try {
    const history = await get<History>("history")
    points.value = merged(history.points, points.peek(), MOST_POINTS)
    destinations.value = await get<Destinations>("destinations", { limit: 20 })
  } catch {
    // The next connection tries again.
  }
}

async function checkUp(): Promise<void> {
  if (document.hidden || link.peek().state === "lost") return
  try {
    const response = await fetch(new URL("healthz", document.baseURI), { cache: "no-store" })
    const answer = response.ok ? null : await response.json()
    const { message = "It does not say why", remedy = "" } = answer?.error ?? {}
    illness.value = answer ? `${message}. ${remedy}`.trim() : ""
  } catch {
    // That it does not answer is told elsewhere.
  }
}

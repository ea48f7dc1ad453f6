// Where the reader is: `#/queue?state=later`. The fragment is never sent to anybody.

import { computed, signal } from "@preact/signals"

export type View = "overview" | "blasts" | "queue" | "causes" | "message"

export interface Route {
  view: View
  /** The id of a message. */
  id: string
  query: URLSearchParams
}

const hash = signal(location.hash)

export const route = computed(() => parse(hash.value))

export function follow(): void {
  addEventListener("hashchange", () => {
    hash.value = location.hash
  })
  hash.value = location.hash
}

export function parse(text: string): Route {
  const [path = "", query = ""] = text.replace(/^#\/?/, "").split(/\?(.*)/s, 2)
  const [first = "", second = ""] = path.split("/")
  const found = { id: "", query: new URLSearchParams(query) }
  if (first === "messages" && second) return { ...found, view: "message", id: decode(second) }
  if (first === "blasts" || first === "queue" || first === "causes") return { ...found, view: first }
  return { ...found, view: "overview" }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export const toMessage = (id: string): string => `#/messages/${encodeURIComponent(id)}`

/** The queue with a filter; what is empty is left out. */
export function toQueue(filter: Record<string, string | null | undefined> = {}): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(filter)) if (value) query.set(name, value)
  const text = query.toString()
  return text ? `#/queue?${text}` : "#/queue"
}

export function go(to: string): void {
  location.hash = to
}

// What is said to who cannot see the page, and shown for a while to who can.

import { signal } from "@preact/signals"

export interface Note {
  text: string
  tone: "good" | "bad"
  key: number
}

/** The last thing that was done. */
export const note = signal<Note | null>(null)

const SHOWN = 8_000
let key = 0

export function say(text: string, tone: "good" | "bad" = "good"): void {
  key += 1
  const own = key
  note.value = { text, tone, key }
  setTimeout(() => {
    if (note.peek()?.key === own) note.value = null
  }, SHOWN)
}

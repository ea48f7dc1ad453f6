// What waits: by destination and age, and message by message, a page at a time.

import { useEffect, useRef, useState } from "preact/hooks"
import { get, type Problem } from "../api/api"
import type { Page } from "../api/types"
import { restarts } from "../live/live"
import { Empty, Failure, Heading } from "../parts/parts"
import { go, route, toQueue } from "../route"
import { MessageTable } from "./message_table"
import { Sites } from "./sites"

export const FILTERS = ["text", "subject", "state", "blast", "site", "cause"] as const
export type Filter = Partial<Record<(typeof FILTERS)[number], string>>

const LIMIT = 50
/** A long queue is searched for a second at a time; so often it is asked to go on before the reader is. */
const ROUNDS = 20

interface Found {
  page: Page
  /** Where each page before this one began. */
  before: string[]
  isSearching: boolean
}

export function Queue({ arrive }: { arrive: boolean }) {
  const filter = current()
  const key = JSON.stringify(filter)
  const { found, problem, turn, back, again } = usePages(filter, key)
  return (
    <>
      <Heading arrive={arrive}>Queue</Heading>
      <Sites chosen={filter.site} />
      <section aria-labelledby="queue-messages">
        <h2 id="queue-messages">Messages</h2>
        <Search key={key} filter={filter} />
        {problem && <Failure problem={problem} again={again} />}
        {!found && !problem && <Empty>Asking …</Empty>}
        {found && found.page.messages.length === 0 && (
          <Empty>
            {found.isSearching
              ? "Searching a long queue …"
              : found.page.next
                ? "Nothing so far; there is more to look through."
                : Object.keys(filter).length > 0
                  ? "Nothing in the queue fits. What was delivered or failed has left it; an id finds it for a while."
                  : "The queue is empty."}
          </Empty>
        )}
        {found && found.page.messages.length > 0 && (
          <MessageTable key={key} messages={found.page.messages} filter={filter} onDone={again} />
        )}
        {found && (found.before.length > 0 || found.page.next) && (
          <nav class="buttons is-spread" aria-label="Pages of the list">
            <button type="button" disabled={found.before.length === 0} onClick={back}>
              Back
            </button>
            <span>Page {found.before.length + 1}</span>
            <button type="button" disabled={!found.page.next || found.isSearching} onClick={turn}>
              Further
            </button>
          </nav>
        )}
      </section>
    </>
  )
}

/** The filter that the address has. */
function current(): Filter {
  const filter: Filter = {}
  for (const name of FILTERS) {
    const value = route.value.query.get(name)
    if (value) filter[name] = value
  }
  return filter
}

/** Pages that fit a filter. */
function usePages(filter: Filter, key: string) {
  const [found, setFound] = useState<Found | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const asking = useRef<AbortController | null>(null)
  // Where the reader wants to be, which may be ahead of what is shown: two quick steps back are two.
  const wanted = useRef<string[]>([])
  const load = async (before: string[]) => {
    wanted.current = before
    asking.current?.abort()
    const own = new AbortController()
    asking.current = own
    let after = before.at(-1)
    try {
      for (let rounds = 0; ; rounds += 1) {
        const page = await get<Page>("queue", { ...filter, limit: LIMIT, after }, own.signal)
        if (own.signal.aborted) return
        const isSearching = page.messages.length === 0 && page.next !== null && rounds < ROUNDS
        setProblem(null)
        setFound({ page, before, isSearching })
        if (!isSearching) return
        after = page.next ?? undefined
      }
    } catch (error) {
      if (!own.signal.aborted) setProblem(error as Problem)
    }
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked anew for another filter, and of another agent
  useEffect(() => {
    void load([])
    return () => asking.current?.abort()
  }, [key, restarts.value])
  return {
    found,
    problem,
    turn: () => found?.page.next && void load([...found.before, found.page.next]),
    back: () => void load(wanted.current.slice(0, -1)),
    again: () => void load(wanted.current),
  }
}

const STATES = [
  ["", "Any state"],
  ["ready", "Ready"],
  ["later", "Later"],
  ["held", "Held"],
] as const

function Search({ filter }: { filter: Filter }) {
  const form = useRef<HTMLFormElement>(null)
  const search = (event: Event) => {
    event.preventDefault()
    if (!form.current) return
    const data = new FormData(form.current)
    const wanted: Record<string, string> = {}
    for (const name of FILTERS) wanted[name] = String(data.get(name) ?? "").trim()
    go(toQueue(wanted))
  }
  const rest = (["blast", "site", "cause"] as const).filter((name) => filter[name])
  return (
    <search>
      <form ref={form} class="search" onSubmit={search}>
        <label class="is-grow">
          <span>Address, Message-ID or id</span>
          <input type="search" name="text" value={filter.text ?? ""} autocomplete="off" spellcheck={false} />
        </label>
        <label class="is-grow">
          <span>Subject</span>
          <input type="search" name="subject" value={filter.subject ?? ""} autocomplete="off" />
        </label>
        <label>
          <span>State</span>
          <select name="state" value={filter.state ?? ""} onChange={search}>
            {STATES.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </label>
        {rest.map((name) => (
          <input key={name} type="hidden" name={name} value={filter[name]} />
        ))}
        <button type="submit" class="is-main">
          Search
        </button>
      </form>
      {rest.length > 0 && (
        <ul class="chips" aria-label="Only">
          {rest.map((name) => (
            <li key={name}>
              <a href={toQueue({ ...filter, [name]: "" })} aria-label={`Not only ${name} ${filter[name]}`}>
                {name} <strong>{filter[name]}</strong> <span aria-hidden="true">×</span>
              </a>
            </li>
          ))}
        </ul>
      )}
    </search>
  )
}

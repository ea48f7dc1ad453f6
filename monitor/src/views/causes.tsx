// Why mail waits, why mail failed, and what to do.

import { useEffect, useState } from "preact/hooks"
import { get, type Problem } from "../api/api"
import type { Cause, Destinations, Failure as Failing } from "../api/types"
import { count, several } from "../format"
import { destinations } from "../live/live"
import { Email, Reply } from "../parts/foreign"
import { Empty, Failure, Heading, Remedy } from "../parts/parts"
import { AsOf, Moment } from "../parts/time"
import { toMessage, toQueue } from "../route"
import { words } from "../text"

export function Causes({ arrive }: { arrive: boolean }) {
  const [problem, setProblem] = useState<Problem | null>(null)
  useEffect(() => {
    get<Destinations>("destinations", { limit: 20 }).then((found) => {
      destinations.value = found
      setProblem(null)
    }, setProblem)
  }, [])
  const waiting = destinations.value?.causes.filter((cause) => cause.cause !== "") ?? []
  const failed = destinations.value?.failed ?? []
  const most = Math.max(1, ...waiting.map((cause) => cause.count))
  return (
    <>
      <Heading arrive={arrive}>Causes</Heading>
      {problem && !destinations.value && <Failure problem={problem} />}
      <section aria-labelledby="causes-waiting">
        <h2 id="causes-waiting">
          Why mail waits
          <AsOf at={destinations.value?.at} />
        </h2>
        <p class="hint">
          What the last attempt of each waiting message met. These are tried again by themselves.
        </p>
        {destinations.value && waiting.length === 0 && <Empty>Nothing that was tried waits.</Empty>}
        <ul class="cards is-pairs">
          {waiting.map((cause) => (
            <Waiting key={`${cause.cause}${cause.remedy}`} cause={cause} most={most} />
          ))}
        </ul>
      </section>
      <section aria-labelledby="causes-failed">
        <h2 id="causes-failed">What failed for good</h2>
        <p class="hint">Refused, or given up after the last attempt, since the agent was started.</p>
        {destinations.value && failed.length === 0 && <Empty>Nothing has failed.</Empty>}
        <ul class="cards is-pairs">
          {failed.map((one) => (
            <li class="panel card" key={one.cause}>
              <article>
                <header>
                  <h3>{words(one.cause)}</h3>
                  <code class="id">{one.cause}</code>
                  <span class="big is-failed">{count(one.count)}</span>
                </header>
                <Remedy text={one.remedy} />
                <details>
                  <summary>The latest {one.latest.length === 1 ? "one" : one.latest.length}</summary>
                  <ul class="rows">
                    {one.latest.map((event) => (
                      <Event key={`${event.id}${event.recipient}`} event={event} />
                    ))}
                  </ul>
                </details>
              </article>
            </li>
          ))}
        </ul>
      </section>
    </>
  )
}

function Waiting({ cause, most }: { cause: Cause; most: number }) {
  return (
    <li class="panel card">
      <article>
        <header>
          <h3>{words(cause.cause)}</h3>
          <code class="id">{cause.cause}</code>
          <span class="big is-deferred">{count(cause.count)}</span>
        </header>
        <div class="measure" aria-hidden="true">
          <span style={{ width: `${Math.max(1, (cause.count / most) * 100)}%` }} />
        </div>
        {cause.summary && <p>{cause.summary}</p>}
        <Remedy text={cause.remedy} />
        <footer>
          <a class="button" href={toQueue({ cause: cause.cause })}>
            Show {several(cause.count, "delivery", "deliveries")}
            <span class="unseen-label"> of {words(cause.cause)}</span>
          </a>
        </footer>
      </article>
    </li>
  )
}

function Event({ event }: { event: Failing }) {
  return (
    <li>
      <a class="row-head" href={toMessage(event.id)}>
        <strong>
          <Email text={event.recipient} />
        </strong>
        <Moment at={event.at} />
      </a>
      <p class="said">
        <Reply {...event} />
      </p>
    </li>
  )
}

// How delivery goes: what is being delivered, what fails, why, and what to do.

import { count, duration, percent, rate } from "../format"
import { blastList, destinations, heardAt, isLost, points, restarts, status, troubles } from "../live/live"
import { verdict } from "../live/verdict"
import { Bar, left } from "../parts/bar"
import { Chart } from "../parts/chart"
import { Email, Foreign, Reply } from "../parts/foreign"
import { Empty, Heading } from "../parts/parts"
import { FromNow, Moment } from "../parts/time"
import { toMessage, toQueue } from "../route"
import { words } from "../text"

export function Overview({ arrive }: { arrive: boolean }) {
  const found = status.value
  return (
    <>
      <Heading arrive={arrive}>Overview</Heading>
      {found ? (
        <>
          <Lead />
          <Figures />
          <div class="columns">
            <section class="panel is-wide" aria-label="Deliveries each second">
              <Chart />
            </section>
            <Causes />
            <Blasts />
            <Latest />
            <Agent />
          </div>
        </>
      ) : (
        <Empty>{isLost.value ? "The agent does not answer." : "Asking the agent …"}</Empty>
      )}
    </>
  )
}

function Lead() {
  const found = status.value
  if (!found) return null
  const { tone, text, more } = verdict(found, points.value)
  return (
    <p class={`lead is-${tone}`}>
      <strong>{text}</strong> {more}
    </p>
  )
}

function Figures() {
  const found = status.value
  if (!found) return null
  const { sessions, queue, since_start: since } = found
  const over = since.delivered + since.failed
  return (
    <dl class="figures">
      <div>
        <dt>Delivered per second</dt>
        <dd>{rate(found.rate)}</dd>
        <dd class="aside">over ten seconds</dd>
      </div>
      <div>
        <dt>Sessions in use</dt>
        <dd>
          {count(sessions.open)} <small>of {count(sessions.limit)}</small>
        </dd>
        <dd class="aside">
          <meter min={0} max={sessions.limit} value={sessions.open} aria-label="Sessions in use" />
        </dd>
      </div>
      <div>
        <dt>Queue</dt>
        <dd>
          {count(queue.messages)} <small>{queue.messages === 1 ? "message" : "messages"}</small>
        </dd>
        <dd class="aside">
          <a href={toQueue({ state: "ready" })}>{count(queue.ready)} ready</a>{" "}
          <a href={toQueue({ state: "later" })}>{count(queue.later)} later</a>{" "}
          <a href={toQueue({ state: "held" })}>{count(queue.held)} held</a>
        </dd>
      </div>
      <div>
        <dt>Oldest message</dt>
        <dd>{queue.oldest_age_seconds === null ? "–" : duration(queue.oldest_age_seconds)}</dd>
        <dd class="aside">
          {queue.oldest ? (
            <>
              since <Moment at={queue.oldest} />
            </>
          ) : (
            "nothing waits"
          )}
        </dd>
      </div>
      <div>
        <dt>Success</dt>
        <dd>{percent(since.delivered, over)}</dd>
        <dd class="aside">
          {count(since.delivered)} delivered, {count(since.failed)} failed
        </dd>
      </div>
    </dl>
  )
}

function Causes() {
  const causes = destinations.value?.causes.filter((cause) => cause.cause !== "") ?? []
  const refused = destinations.value?.failed ?? []
  const top = [
    ...causes.map((cause) => ({ ...cause, waits: true })),
    ...refused.map((cause) => ({ ...cause, waits: false })),
  ]
    .sort((a, b) => b.count - a.count)
    .slice(0, 4)
  return (
    <section class="panel" aria-labelledby="overview-causes">
      <header>
        <h2 id="overview-causes">Why mail waits or fails</h2>
        <a href="#/causes">All causes</a>
      </header>
      {top.length === 0 && <Empty>Nothing stands in the way.</Empty>}
      <ul class="reasons">
        {top.map((cause) => (
          <li key={`${cause.cause}${cause.waits}`}>
            <a href={cause.waits ? toQueue({ cause: cause.cause }) : "#/causes"}>
              <strong>{words(cause.cause)}</strong>
              <span class={cause.waits ? "tag is-deferred" : "tag is-failed"}>
                {count(cause.count)} {cause.waits ? "waiting" : "failed"}
              </span>
            </a>
            <p>{cause.remedy.split("\n")[0]}</p>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Blasts() {
  const list = blastList.value.slice(0, 4)
  return (
    <section class="panel" aria-labelledby="overview-blasts">
      <header>
        <h2 id="overview-blasts">Blasts</h2>
        <a href="#/blasts">All blasts</a>
      </header>
      {list.length === 0 && (
        <Empty>No blast yet. Messages that are submitted with a blast's name are counted here.</Empty>
      )}
      <ul class="rows">
        {list.map((blast) => (
          <li key={blast.name}>
            <div class="row-head">
              <strong>
                <Foreign text={blast.name} />
              </strong>
              <span>
                {percent(blast.recipients - blast.open, blast.recipients)}
                {blast.state === "running" ? `, ${left(blast)}` : `, ${blast.state}`}
              </span>
            </div>
            <Bar blast={blast} />
          </li>
        ))}
      </ul>
    </section>
  )
}

function Latest() {
  const list = troubles.value.slice(0, 6)
  return (
    <section class="panel" aria-labelledby="overview-latest">
      <header>
        <h2 id="overview-latest">Latest refusals and delays</h2>
      </header>
      {list.length === 0 && <Empty>None since this page was opened.</Empty>}
      <ul class="rows">
        {list.map((event) => (
          <li key={`${event.id}${event.recipient}${event.at}`}>
            <a class="row-head" href={toMessage(event.id)}>
              <strong>
                <Email text={event.recipient} />
              </strong>
              <span>
                {event.event} <FromNow at={event.at} />
              </span>
            </a>
            <p class="said">{event.text ? <Reply {...event} /> : words(event.cause ?? "")}</p>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Agent() {
  const found = status.value
  if (!found) return null
  return (
    <section class="panel" aria-labelledby="overview-agent">
      <header>
        <h2 id="overview-agent">Agent</h2>
      </header>
      <dl class="facts">
        <div>
          <dt>Version</dt>
          <dd>{found.version}</dd>
        </div>
        <div>
          <dt>Runs for</dt>
          <dd>
            {duration(found.uptime_seconds)}
            {restarts.value > 0 && <span class="faint"> (restarted while this page was open)</span>}
          </dd>
        </div>
        <div>
          <dt>Process</dt>
          <dd>{found.pid}</dd>
        </div>
        <div>
          <dt>Spool</dt>
          <dd>
            <Foreign text={found.spool} />
          </dd>
        </div>
        <div>
          <dt>Outcome unknown</dt>
          <dd>{count(found.since_start.unknown)}</dd>
        </div>
        <div>
          <dt>Last word</dt>
          <dd>
            <Moment at={new Date(heardAt.value).toISOString()} />
          </dd>
        </div>
      </dl>
    </section>
  )
}

// Blasts: how far each is, how fast, and when it is through.

import { useEffect, useState } from "preact/hooks"
import { blastOrder, get, type Problem } from "../api/api"
import type { Blast } from "../api/types"
import { count, percent, rate, several } from "../format"
import { blastList, keepBlasts, restarts } from "../live/live"
import { Action, TokenHint } from "../parts/action"
import { Bar, ended, left, Shares } from "../parts/bar"
import { Foreign } from "../parts/foreign"
import { Empty, Failure, Heading, State } from "../parts/parts"
import { Moment } from "../parts/time"
import { toQueue } from "../route"
import { plain } from "../text"

/** As many are asked for; older ones are found by `freesmtp blast`. */
const MOST = 200
/** As many are shown at first. */
const SHOWN = 30

export function Blasts({ arrive }: { arrive: boolean }) {
  const [problem, setProblem] = useState<Problem | null>(null)
  const [shown, setShown] = useState(SHOWN)
  const [isAsked, setAsked] = useState(false)
  const round = restarts.value
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new agent is asked anew
  useEffect(() => {
    get<{ blasts: Blast[] }>("blasts", { limit: MOST })
      .then((found) => {
        keepBlasts(found.blasts)
        setProblem(null)
      }, setProblem)
      .finally(() => setAsked(true))
  }, [round])
  const all = blastList.value
  return (
    <>
      <Heading arrive={arrive}>Blasts</Heading>
      {all.length > 0 && <TokenHint />}
      {problem && all.length === 0 && <Failure problem={problem} />}
      {!problem && all.length === 0 && (
        <Empty>
          {isAsked
            ? "No blast yet. Messages that are submitted with a blast's name are counted here."
            : "Asking …"}
        </Empty>
      )}
      <ul class="cards">
        {all.slice(0, shown).map((blast) => (
          <Card key={blast.name} blast={blast} />
        ))}
      </ul>
      {all.length > shown && (
        <button type="button" onClick={() => setShown(shown + SHOWN)}>
          Show {count(Math.min(SHOWN, all.length - shown))} more of {count(all.length - shown)}
        </button>
      )}
    </>
  )
}

function Card({ blast }: { blast: Blast }) {
  const title = `blast-${encodeURIComponent(blast.name)}`
  return (
    <li class="panel card">
      <article aria-labelledby={title}>
        <header>
          <h2 id={title}>
            <Foreign text={blast.name} />
          </h2>
          <State name={blast.state} />
          <span class="big">{percent(ended(blast), blast.recipients)}</span>
        </header>
        <Bar blast={blast} />
        <Shares blast={blast} />
        <footer>
          <p class="facts-line">
            {several(blast.messages, "message")}, {several(blast.recipients, "recipient")}, begun{" "}
            <Moment at={blast.created} />
            {!blast.done && blast.state === "running" && (
              <>
                {" "}
                · <strong>{rate(blast.rate)}/s</strong> · {left(blast)}
              </>
            )}
          </p>
          <Actions blast={blast} />
        </footer>
      </article>
    </li>
  )
}

function Actions({ blast }: { blast: Blast }) {
  const name = plain(blast.name)
  const tell = (what: "pause" | "resume" | "cancel", said: string) => async () => {
    keepBlasts([await blastOrder<Blast>(blast.name, what)])
    return `${name} is ${said}.`
  }
  const isOpen = !blast.done && blast.state !== "cancelled"
  return (
    <div class="buttons">
      {isOpen && blast.state === "running" && (
        <Action does={tell("pause", "paused")} label={`Pause ${name}`}>
          Pause
        </Action>
      )}
      {blast.state === "paused" && (
        <Action does={tell("resume", "running again")} kind="main" label={`Resume ${name}`}>
          Resume
        </Action>
      )}
      {isOpen && (
        <Action
          does={tell("cancel", "cancelled")}
          label={`Cancel ${name}`}
          sure={{
            title: `Cancel ${name}?`,
            text: `${several(blast.open, "recipient")} will not get this mail, and nobody is told. This cannot be undone.`,
            yes: "Cancel the blast",
          }}
        >
          Cancel
        </Action>
      )}
      {blast.open > 0 && (
        <a class="button" href={toQueue({ blast: blast.name })} aria-label={`In the queue: ${name}`}>
          In the queue
        </a>
      )}
    </div>
  )
}

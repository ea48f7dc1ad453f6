// The attempts of a message, each with its conversation.

import type { Attempt } from "../api/types"
import { several } from "../format"
import { Email, Foreign, Reply } from "../parts/foreign"
import { Empty, State } from "../parts/parts"
import { Moment } from "../parts/time"
import { words } from "../text"

export function Attempts({ attempts }: { attempts: Attempt[] | undefined }) {
  if (!attempts) return null
  const latestFirst = [...attempts].reverse()
  return (
    <section aria-labelledby="message-attempts">
      <h2 id="message-attempts">Attempts</h2>
      {attempts.length === 0 && <Empty>Nothing was tried in vain yet.</Empty>}
      <ol class="attempts" reversed>
        {latestFirst.map((attempt, index) => (
          <li key={`${attempt.at}${attempt.email}`} class="panel card">
            <One attempt={attempt} isOpen={index === 0} />
          </li>
        ))}
      </ol>
    </section>
  )
}

function One({ attempt, isOpen }: { attempt: Attempt; isOpen: boolean }) {
  const lines = attempt.transcript?.filter((line) => line !== "") ?? []
  return (
    <article>
      <header>
        <h3>
          <Moment at={attempt.at} />
        </h3>
        <State name={attempt.outcome} />
        {attempt.email && (
          <span class="faint">
            <Email text={attempt.email} />
          </span>
        )}
      </header>
      <p class="said">
        <Reply {...attempt} />
      </p>
      <p class="facts-line">
        {attempt.cause && words(attempt.cause)}
        {attempt.server && (
          <>
            {" "}
            · <Foreign text={attempt.server} />
          </>
        )}
        {attempt.stage && ` · ${attempt.stage}`}
      </p>
      {lines.length > 0 && (
        <details open={isOpen}>
          <summary>Conversation, {several(lines.length, "line")}</summary>
          <Conversation lines={lines} />
        </details>
      )}
    </article>
  )
}

const COMMAND = /^(EHLO|HELO|LHLO|MAIL|RCPT|DATA|BDAT|RSET|NOOP|QUIT|STARTTLS|AUTH|VRFY)\b/i
const REPLY = /^([2345])\d\d(?:[ -]|$)/

/** Who said a line of the log: replies begin with their code, commands with their verb, the rest are notes. */
function speaker(line: string): { kind: string; name: string; mark: string } {
  const reply = REPLY.exec(line)
  if (reply) {
    const isTrouble = reply[1] === "4" || reply[1] === "5"
    return { kind: isTrouble ? "is-server is-trouble" : "is-server", name: "Server", mark: "S" }
  }
  return COMMAND.test(line)
    ? { kind: "is-client", name: "Client", mark: "C" }
    : { kind: "is-note", name: "Note", mark: "·" }
}

function Conversation({ lines }: { lines: string[] }) {
  return (
    <ol class="conversation">
      {lines.map((line, index) => {
        const { kind, name, mark } = speaker(line)
        return (
          <li key={index} class={kind}>
            <span class="mark" aria-hidden="true">
              {mark}
            </span>
            <span class="unseen-label">{name}: </span>
            <Foreign text={line} />
          </li>
        )
      })}
    </ol>
  )
}

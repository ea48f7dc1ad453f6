// A page of messages, and what can be done with those that are chosen. Where it is narrow the rows are laid out anew, and
// the roles keep it a table.

import { useEffect, useState } from "preact/hooks"
import { type Order, order, type Which } from "../api/api"
import type { Listed } from "../api/types"
import { several } from "../format"
import { Action, TokenHint } from "../parts/action"
import { Email, Foreign, Reply } from "../parts/foreign"
import { State } from "../parts/parts"
import { FromNow } from "../parts/time"
import { toMessage } from "../route"
import { words } from "../text"
import type { Filter } from "./queue"

interface Props {
  messages: Listed[]
  filter: Filter
  onDone: () => void
}

export function MessageTable({ messages, filter, onDone }: Props) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  // What is not seen any more is not chosen either.
  useEffect(() => {
    const seen = new Set(messages.map((message) => message.id))
    setChosen((before) => new Set([...before].filter((id) => seen.has(id))))
  }, [messages])
  const toggle = (id: string) => {
    const next = new Set(chosen)
    if (!next.delete(id)) next.add(id)
    setChosen(next)
  }
  const isAll = messages.every((message) => chosen.has(message.id))
  const toggleAll = () => setChosen(isAll ? new Set() : new Set(messages.map((message) => message.id)))
  return (
    <>
      <Orders chosen={chosen} filter={filter} onDone={onDone} />
      <table class="messages" role="table">
        <caption class="unseen-label">Messages of the queue, the oldest first</caption>
        <thead role="rowgroup">
          <tr role="row">
            <th role="columnheader" scope="col" class="is-choice">
              <input
                type="checkbox"
                aria-label="Choose all of this page"
                checked={isAll}
                onChange={toggleAll}
              />
            </th>
            <th role="columnheader" scope="col">
              Message
            </th>
            <th role="columnheader" scope="col">
              State
            </th>
            <th role="columnheader" scope="col">
              Age
            </th>
            <th role="columnheader" scope="col">
              Last answer
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {messages.map((message) => (
            <Row key={message.id} message={message} isChosen={chosen.has(message.id)} toggle={toggle} />
          ))}
        </tbody>
      </table>
    </>
  )
}

interface RowProps {
  message: Listed
  isChosen: boolean
  toggle: (id: string) => void
}

function Row({ message, isChosen, toggle }: RowProps) {
  const { recipients, recipients_open: open } = message
  const more = open - Math.min(1, recipients.length)
  return (
    <tr role="row" class={isChosen ? "is-chosen" : ""}>
      <td role="cell" class="is-choice">
        <input
          type="checkbox"
          aria-label={`Choose ${message.id}`}
          checked={isChosen}
          onChange={() => toggle(message.id)}
        />
      </td>
      <td role="cell" class="is-message">
        <a href={toMessage(message.id)}>
          <Email text={recipients[0] ?? message.id} />
          {more > 0 && <span class="faint"> and {several(more, "other")}</span>}
        </a>
        {message.subject && (
          <p class="subject">
            <Foreign text={message.subject} />
          </p>
        )}
        <p class="faint">
          from <Email text={message.sender} />
          {message.blast && (
            <>
              {" "}
              · <Foreign text={message.blast} />
            </>
          )}
        </p>
      </td>
      <td role="cell" class="is-state">
        <State name={message.state} />
        {message.state === "later" && (
          <p class="faint">
            <FromNow at={message.next_attempt} />
          </p>
        )}
      </td>
      <td role="cell" class="is-age">
        <FromNow at={message.submitted} />
        {message.attempts > 0 && <p class="faint">{several(message.attempts, "attempt")}</p>}
      </td>
      <td role="cell" class="is-answer">
        {message.last ? (
          <>
            <strong>{words(message.last.cause)}</strong>
            <p class="said">
              <Reply {...message.last} />
            </p>
          </>
        ) : (
          <span class="faint">not tried yet</span>
        )}
      </td>
    </tr>
  )
}

const DONE: Record<Order, string> = {
  retry: "tried now",
  hold: "held",
  release: "released",
  cancel: "cancelled",
  purge: "taken out of the queue",
}

function Orders({
  chosen,
  filter,
  onDone,
}: {
  chosen: ReadonlySet<string>
  filter: Filter
  onDone: () => void
}) {
  const [isWide, setWide] = useState(false)
  const fits = Object.entries(filter)
  const isNone = chosen.size === 0 && !isWide
  const which = (): Which => (isWide ? (fits.length > 0 ? { filter } : { all: true }) : { ids: [...chosen] })
  const does = (what: Order) => async () => {
    const { count } = await order(what, which())
    onDone()
    return `${several(count, "message")} ${count === 1 ? "is" : "are"} ${DONE[what]}.`
  }
  const what = isWide
    ? fits.length > 0
      ? `all messages with ${fits.map(([name, value]) => `${name} ${value}`).join(", ")}`
      : "every message of the queue"
    : several(chosen.size, "message")
  const sure = (title: string, text: string, yes: string, isHarmless = false) => ({
    title,
    text,
    yes,
    isHarmless,
  })
  const many = (verb: string) =>
    isWide ? { sure: sure(`${verb}?`, `This is for ${what}.`, verb, true) } : {}
  return (
    <>
      <div class="orders">
        <p>
          {isWide
            ? "All that fit"
            : chosen.size > 0
              ? `${several(chosen.size, "message")} chosen`
              : "Choose messages to"}
        </p>
        <div class="buttons">
          <Action does={does("retry")} disabled={isNone} {...many("Try now")}>
            Try now
          </Action>
          <Action does={does("hold")} disabled={isNone} {...many("Hold")}>
            Hold
          </Action>
          <Action does={does("release")} disabled={isNone} {...many("Release")}>
            Release
          </Action>
          <Action
            does={does(isWide ? "purge" : "cancel")}
            disabled={isNone}
            sure={sure(
              "Cancel?",
              `This takes ${what} out of the queue, and nobody is told. It cannot be undone.`,
              "Cancel them",
            )}
          >
            Cancel
          </Action>
        </div>
        <label class="check">
          <input type="checkbox" checked={isWide} onChange={() => setWide(!isWide)} />
          all that fit, on every page
        </label>
      </div>
      <TokenHint />
    </>
  )
}

// A message: who gets it, what was tried, and what was said.

import { useEffect, useRef, useState } from "preact/hooks"
import { download, get, order, type Problem } from "../api/api"
import type { Message, Recipient } from "../api/types"
import { octets, several } from "../format"
import { link, restarts } from "../live/live"
import { Action, TokenHint } from "../parts/action"
import { Email, Foreign, Reply } from "../parts/foreign"
import { Empty, Failure, Heading, Remedy, State } from "../parts/parts"
import { FromNow, Moment } from "../parts/time"
import { toQueue } from "../route"
import { words } from "../text"
import { Attempts } from "./attempts"

/** How often it is asked for, in milliseconds, while something may change. */
const AGAIN = 2_000

export function MessageView({ id, arrive }: { id: string; arrive: boolean }) {
  const { message, problem, again } = useMessage(id)
  return (
    <>
      <p class="crumbs">
        <a href="#/queue">Queue</a> <span aria-hidden="true">/</span> <code class="id">{id}</code>
      </p>
      <Heading arrive={arrive}>
        {message?.subject ? (
          <Foreign text={message.subject} />
        ) : message?.subject === "" ? (
          "No subject"
        ) : (
          "Message"
        )}
      </Heading>
      {problem && <Failure problem={problem} again={again} />}
      {!message && !problem && <Empty>Asking …</Empty>}
      {message && (
        <>
          <Orders message={message} onDone={again} />
          <Facts message={message} />
          <Recipients message={message} />
          <Attempts attempts={message.attempts} />
        </>
      )}
    </>
  )
}

function useMessage(id: string) {
  const [message, setMessage] = useState<Message | null>(null)
  const [problem, setProblem] = useState<Problem | null>(null)
  const asking = useRef<AbortController | null>(null)
  const ask = async () => {
    asking.current?.abort()
    const own = new AbortController()
    asking.current = own
    try {
      const path = `messages/${encodeURIComponent(id)}`
      const found = await get<Message>(path, { transcripts: "true" }, own.signal)
      // What left the queue has lost its subject and its attempts: what was seen of them stays.
      setMessage((before) => (before?.id === found.id ? { ...before, ...found } : found))
      setProblem(null)
    } catch (error) {
      if (!own.signal.aborted) setProblem(error as Problem)
    }
  }
  const isLive = link.value.state === "live"
  const isOver = message?.state === "done" || problem?.status === 404
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked anew for another message, and of another agent
  useEffect(() => {
    setMessage(null)
    setProblem(null)
    void ask()
    return () => asking.current?.abort()
  }, [id, restarts.value])
  // biome-ignore lint/correctness/useExhaustiveDependencies: `ask` is of the same id
  useEffect(() => {
    if (isOver || !isLive) return
    const timer = setInterval(() => !document.hidden && ask(), AGAIN)
    return () => clearInterval(timer)
  }, [id, isOver, isLive])
  return { message, problem, again: () => void ask() }
}

function Orders({ message, onDone }: { message: Message; onDone: () => void }) {
  const does = (what: "retry" | "hold" | "release" | "cancel", said: string) => async () => {
    await order(what, { ids: [message.id] })
    onDone()
    return `The message is ${said}.`
  }
  if (message.state === "done") return null
  return (
    <>
      <div class="buttons">
        <Action does={does("retry", "tried now")} kind="main">
          Try now
        </Action>
        {message.state === "held" ? (
          <Action does={does("release", "released")}>Release</Action>
        ) : (
          <Action does={does("hold", "held until it is released")}>Hold</Action>
        )}
        <Action
          does={does("cancel", "cancelled")}
          sure={{
            title: "Cancel this message?",
            text: `${several(message.recipients_open, "recipient")} will not get it, and nobody is told. This cannot be undone.`,
            yes: "Cancel the message",
          }}
        >
          Cancel
        </Action>
        <Action
          does={async () => {
            await download(message.id)
            return "The message is saved as a file."
          }}
        >
          Download
        </Action>
      </div>
      <TokenHint />
    </>
  )
}

function Facts({ message }: { message: Message }) {
  return (
    <dl class="facts panel is-many">
      <div>
        <dt>State</dt>
        <dd>
          <State name={message.state} />
        </dd>
      </div>
      <div>
        <dt>From</dt>
        <dd>
          <Email text={message.sender} />
        </dd>
      </div>
      <div>
        <dt>Submitted</dt>
        <dd>
          <FromNow at={message.submitted} />
        </dd>
      </div>
      {message.state === "done" ? (
        <div>
          <dt>Ended</dt>
          <dd>
            <Moment at={message.ended} />
          </dd>
        </div>
      ) : (
        <div>
          <dt>Given up</dt>
          <dd>
            <FromNow at={message.expires} />
          </dd>
        </div>
      )}
      <div>
        <dt>Recipients</dt>
        <dd>
          {message.recipients_open} open of {message.recipients_total}
        </dd>
      </div>
      {message.octets !== undefined && (
        <div>
          <dt>Size</dt>
          <dd>{octets(message.octets)}</dd>
        </div>
      )}
      {message.priority ? (
        <div>
          <dt>Priority</dt>
          <dd>{message.priority}</dd>
        </div>
      ) : null}
      {message.blast && (
        <div>
          <dt>Blast</dt>
          <dd>
            <a href={toQueue({ blast: message.blast })}>
              <Foreign text={message.blast} />
            </a>
          </dd>
        </div>
      )}
      {message.message_id && (
        <div class="is-wide">
          <dt>Message-ID</dt>
          <dd>
            <Foreign text={message.message_id} />
          </dd>
        </div>
      )}
    </dl>
  )
}

function Recipients({ message }: { message: Message }) {
  const { recipients, recipients_total: total } = message
  return (
    <section aria-labelledby="message-recipients">
      <h2 id="message-recipients">Recipients</h2>
      {recipients.length === 0 && (
        <Empty>It ended too long ago: only the events file knows of its recipients.</Empty>
      )}
      <ul class="cards is-tight">
        {recipients.map((recipient, index) => (
          <RecipientCard key={`${index}${recipient.email}`} recipient={recipient} />
        ))}
      </ul>
      {recipients.length > 0 && recipients.length < total && (
        <p class="hint">
          {recipients.length} of {total} are shown.
        </p>
      )}
    </section>
  )
}

function RecipientCard({ recipient }: { recipient: Recipient }) {
  const isOpen = recipient.state === "later" || recipient.state === "ready" || recipient.state === "held"
  return (
    <li class="panel card">
      <article>
        <header>
          <h3>
            <Email text={recipient.email} />
          </h3>
          <State name={recipient.state} />
        </header>
        <p class="facts-line">
          {recipient.attempts > 0 && `${several(recipient.attempts, "attempt")} · `}
          {isOpen ? (
            <>
              {recipient.state === "held" ? "held; its time is" : "next"}{" "}
              <FromNow at={recipient.next_attempt} />
            </>
          ) : (
            <Moment at={recipient.at} />
          )}
          {recipient.site && (
            <>
              {" "}
              · to <Foreign text={recipient.site} />
            </>
          )}
        </p>
        {(recipient.code || recipient.text) && (
          <p class="said">
            <Reply {...recipient} />
            {recipient.server && (
              <span class="faint">
                {" "}
                — <Foreign text={recipient.server} />
                {recipient.stage && `, ${recipient.stage}`}
              </span>
            )}
          </p>
        )}
        {recipient.cause && (
          <div class="why">
            <p>
              <strong>{words(recipient.cause)}</strong>
            </p>
            <Remedy text={recipient.remedy ?? ""} />
          </div>
        )}
      </article>
    </li>
  )
}

// The page: header, view, and what is said aside.

import { useEffect, useRef, useState } from "preact/hooks"
import { note } from "./announce"
import { blastList, isLost, link, restarts, status } from "./live/live"
import { ConfirmDialog, TokenDialog } from "./parts/dialog"
import { Banner, Header } from "./parts/header"
import { route, type View } from "./route"
import { Blasts } from "./views/blasts"
import { Causes } from "./views/causes"
import { MessageView } from "./views/message"
import { Overview } from "./views/overview"
import { Queue } from "./views/queue"

const TITLES: Record<View, string> = {
  overview: "Overview",
  blasts: "Blasts",
  queue: "Queue",
  causes: "Causes",
  message: "Message",
}

export function App() {
  const { view, id } = route.value
  const place = `${view}/${id}`
  // What was refused is asked for again once the door is open.
  const isLocked = link.value.state === "locked"
  // Whoever opens the page starts at its top; whoever follows a link inside is led to the new view.
  const first = useRef(place)
  const arrive = first.current !== place
  if (arrive) first.current = ""
  useEffect(() => {
    document.title = `${TITLES[view]} – freesmtp`
    if (arrive) scrollTo(0, 0)
  }, [view, arrive])
  return (
    <>
      {/* biome-ignore lint/a11y/useValidAnchor: the fragment is the route, so the link does by hand what it says */}
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <Header />
      <main id="main" tabIndex={-1} class={isLost.value ? "is-stale" : ""}>
        <Banner />
        <Shown view={view} id={id} arrive={arrive} key={`${place} ${isLocked}`} />
      </main>
      <Note />
      <Announcer />
      <ConfirmDialog />
      <TokenDialog />
    </>
  )
}

function Shown({ view, id, arrive }: { view: View; id: string; arrive: boolean }) {
  switch (view) {
    case "blasts":
      return <Blasts arrive={arrive} />
    case "queue":
      return <Queue arrive={arrive} />
    case "causes":
      return <Causes arrive={arrive} />
    case "message":
      return <MessageView id={id} arrive={arrive} />
    default:
      return <Overview arrive={arrive} />
  }
}

function skip(event: Event): void {
  event.preventDefault()
  document.getElementById("main")?.focus()
}

function Note() {
  const said = note.value
  return said ? (
    <div class={`note is-${said.tone}`} key={said.key}>
      {said.text}
    </div>
  ) : null
}

/** So long, in milliseconds, must news last before they are said: a blast that is being submitted ends now and then. */
const LASTING = 3_000

/** Says what matters to who cannot see: what was done, that the agent is gone or back, that a blast ended. */
function Announcer() {
  const [said, setSaid] = useState("")
  const text = news()
  const isUrgent = link.value.state === "lost"
  useEffect(() => {
    const timer = setTimeout(() => setSaid(text), isUrgent ? 0 : LASTING)
    return () => clearTimeout(timer)
  }, [text, isUrgent])
  return (
    <>
      <p class="unseen-label" role="status">
        {note.value?.text}
      </p>
      <p class="unseen-label" role="status">
        {said || null}
      </p>
    </>
  )
}

function news(): string {
  const { state } = link.value
  if (state === "lost") return "The agent does not answer. What is shown is old."
  if (state === "locked") return "The agent wants its token."
  if (!status.value) return ""
  const open = blastList.value.filter((blast) => blast.state === "running").length
  const again = restarts.value > 0 ? "The agent was restarted and answers again. " : "The agent answers. "
  return `${again}${open === 0 ? "No blast runs." : `Blasts that run: ${open}.`}`
}

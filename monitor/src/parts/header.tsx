// What stands above every view: where one can go, and how the agent is.

import { token } from "../api/token"
import { duration, moment, short } from "../format"
import { blasts, destinations, heardAt, illness, link, now, status, tryNow } from "../live/live"
import { route, type View } from "../route"
import { setTheme, type Theme, theme } from "../theme"
import { askForToken } from "./dialog"
import { Icon } from "./icons"

const VIEWS: { view: View; to: string; label: string }[] = [
  { view: "overview", to: "#/", label: "Overview" },
  { view: "blasts", to: "#/blasts", label: "Blasts" },
  { view: "queue", to: "#/queue", label: "Queue" },
  { view: "causes", to: "#/causes", label: "Causes" },
]

export function Header() {
  return (
    <header class="top">
      <a class="brand" href="#/" aria-label="freesmtp, overview">
        <Mark />
        <span>freesmtp</span>
      </a>
      <Navigation />
      <LinkState />
      <div class="tools">
        <button
          type="button"
          class="is-quiet"
          onClick={askForToken}
          aria-label={token.value ? "Token: given" : "Token: missing"}
        >
          <Icon name={token.value ? "unlocked" : "locked"} />
          <span class="on-wide">Token</span>
        </button>
        <ThemeSwitch />
      </div>
    </header>
  )
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
      <rect class="mark-ground" width="32" height="32" rx="8" />
      <path class="mark-line" d="M5.5 18h5l2-5 4 9.5 3-7 1.500 2.500h5.500" />
    </svg>
  )
}

function Navigation() {
  const here = route.value.view === "message" ? "queue" : route.value.view
  const running = [...blasts.value.values()].filter((blast) => blast.state === "running").length
  const causes = destinations.value?.causes.filter((cause) => cause.cause !== "").length ?? 0
  const badges: Partial<Record<View, number>> = {
    blasts: running,
    queue: status.value?.queue.messages ?? 0,
    causes,
  }
  return (
    <nav aria-label="Views">
      <ul>
        {VIEWS.map(({ view, to, label }) => (
          <li key={view}>
            <a href={to} aria-current={here === view ? "page" : undefined}>
              {label}
              {badges[view] ? (
                <span class="badge" aria-hidden="true">
                  {short(badges[view])}
                </span>
              ) : null}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}

const WORDS = { connecting: "Connecting", live: "Live", away: "Paused", locked: "Locked", lost: "No answer" }

function LinkState() {
  const { state } = link.value
  return <p class={`link is-${state}`}>{WORDS[state]}</p>
}

const THEMES: Record<Theme, { next: Theme; label: string }> = {
  auto: { next: "light", label: "Auto" },
  light: { next: "dark", label: "Light" },
  dark: { next: "auto", label: "Dark" },
}

function ThemeSwitch() {
  const { next, label } = THEMES[theme.value]
  return (
    <button
      type="button"
      class="is-quiet"
      aria-label={`Theme: ${label}. Change to ${THEMES[next].label}`}
      onClick={() => setTheme(next)}
    >
      <Icon name={theme.value} />
      <span class="on-wide">{label}</span>
    </button>
  )
}

/** Says that the agent is away or unwell, how old the page is, and what comes next. */
export function Banner() {
  const state = link.value
  if (state.state === "locked") {
    return (
      <div class="banner is-bad">
        <p>
          <strong>The agent tells nothing without its token.</strong> It is reached from beyond this machine.
        </p>
        <button type="button" onClick={askForToken}>
          Give the token
        </button>
      </div>
    )
  }
  if (state.state === "lost") {
    const wait = Math.ceil((state.retryAt - now.value) / 1_000)
    const heard = heardAt.value
    return (
      <div class="banner is-bad">
        <p>
          <strong>The agent does not answer.</strong> {state.why}.{" "}
          {heard > 0 && (
            <>
              What you see is from {moment(new Date(heard))}, {duration((now.value - heard) / 1_000)} ago.{" "}
            </>
          )}
          {wait > 0 ? `Trying again in ${wait} s.` : "Trying again …"}
        </p>
        <button type="button" onClick={tryNow}>
          Try now
        </button>
      </div>
    )
  }
  if (illness.value) {
    return (
      <div class="banner is-wait">
        <p>
          <strong>The agent is not well.</strong> {illness.value}
        </p>
      </div>
    )
  }
  return null
}

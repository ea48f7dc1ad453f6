// Buttons that change something.

import type { ComponentChildren } from "preact"
import { useState } from "preact/hooks"
import { say } from "../announce"
import { Problem } from "../api/api"
import { token } from "../api/token"
import { isLost } from "../live/live"
import { askForToken, confirm } from "./dialog"

/** What is asked before it is done. */
export interface Sure {
  title: string
  text: string
  yes: string
  isHarmless?: boolean
}

interface Props {
  children: ComponentChildren
  /** Does it; what it gives is said. */
  does: () => Promise<string>
  sure?: Sure
  kind?: "main" | "bad"
  disabled?: boolean
  /** Says what the button is for where its text alone does not. */
  label?: string
}

export function Action({ children, does, sure, kind, disabled = false, label }: Props) {
  const [isBusy, setBusy] = useState(false)
  const press = async () => {
    if (isBusy || disabled) return
    if (!token.value) return askForToken()
    if (sure && !(await confirm(sure.title, sure.text, sure.yes, !sure.isHarmless))) return
    setBusy(true)
    try {
      say(await does())
    } catch (error) {
      if (error instanceof Problem && error.status === 401) askForToken()
      say(reason(error), "bad")
    } finally {
      setBusy(false)
    }
  }
  const isOff = disabled || isBusy || isLost.value
  // One that is off can still be reached, so that readers learn of it.
  return (
    <button
      type="button"
      class={kind ? `is-${kind}` : ""}
      aria-label={label}
      aria-disabled={isOff}
      title={token.value ? undefined : "Needs the token"}
      onClick={isOff ? undefined : press}
    >
      {children}
    </button>
  )
}

export function reason(error: unknown): string {
  if (error instanceof Problem) return `${error.message.replace(/\.$/, "")}. ${error.remedy}`.trim()
  return error instanceof Error ? error.message : String(error)
}

/** Says once for a group of buttons that the token is missing. */
export function TokenHint() {
  if (token.value) return null
  return (
    <p class="hint">
      To change anything here, give{" "}
      <button type="button" class="is-link" onClick={askForToken}>
        the agent's token
      </button>
      .
    </p>
  )
}

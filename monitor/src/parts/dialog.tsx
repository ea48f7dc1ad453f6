// Questions that wait for an answer. The browser's own dialog keeps the focus inside and gives it back.

import { signal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { say } from "../announce"
import { setToken, token } from "../api/token"

interface Question {
  title: string
  text: string
  /** What the button says that does it. */
  yes: string
  isHarmful: boolean
  answer: (yes: boolean) => void
}

const question = signal<Question | null>(null)
const tokenWanted = signal(false)

/** Asks before something is done that cannot be undone. */
export function confirm(title: string, text: string, yes: string, isHarmful = true): Promise<boolean> {
  return new Promise((resolve) => {
    question.value = {
      title,
      text,
      yes,
      isHarmful,
      answer: (given) => {
        question.value = null
        resolve(given)
      },
    }
  })
}

export function askForToken(): void {
  tokenWanted.value = true
}

function useModal(isOpen: boolean) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (isOpen && !dialog.current?.open) dialog.current?.showModal()
    if (!isOpen && dialog.current?.open) dialog.current.close()
  }, [isOpen])
  return dialog
}

export function ConfirmDialog() {
  const asked = question.value
  const dialog = useModal(asked !== null)
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onClose={() => question.value?.answer(false)}>
      {asked && (
        <>
          <h2 id="confirm-title">{asked.title}</h2>
          <p>{asked.text}</p>
          <div class="buttons is-end">
            <button type="button" onClick={() => asked.answer(false)}>
              Leave it
            </button>
            <button
              type="button"
              class={asked.isHarmful ? "is-bad" : "is-main"}
              onClick={() => asked.answer(true)}
            >
              {asked.yes}
            </button>
          </div>
        </>
      )}
    </dialog>
  )
}

export function TokenDialog() {
  const isOpen = tokenWanted.value
  const dialog = useModal(isOpen)
  const field = useRef<HTMLInputElement>(null)
  const close = () => {
    tokenWanted.value = false
  }
  const keep = (event: Event) => {
    event.preventDefault()
    setToken(field.current?.value ?? "")
    say(token.value ? "The token is kept until this tab is closed." : "No token is kept.")
    close()
  }
  const forget = () => {
    setToken("")
    say("The token is forgotten.")
    close()
  }
  return (
    <dialog ref={dialog} aria-labelledby="token-title" onClose={close}>
      {isOpen && (
        <form onSubmit={keep}>
          <h2 id="token-title">Token</h2>
          <p>
            Whoever changes something needs the agent's token. <code>freesmtp monitor</code> prints this
            page's address with it; it stands in <code>queue/token</code> of the spool. It stays in this tab
            alone.
          </p>
          <label for="token">Token</label>
          <input id="token" ref={field} type="password" autocomplete="off" spellcheck={false} required />
          <div class="buttons is-end">
            {token.value && (
              <button type="button" onClick={forget}>
                Forget it
              </button>
            )}
            <button type="button" onClick={close}>
              Close
            </button>
            <button type="submit" class="is-main">
              Use it
            </button>
          </div>
        </form>
      )}
    </dialog>
  )
}

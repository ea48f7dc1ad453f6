// Small things that several views use.

import type { ComponentChildren } from "preact"
import { useEffect, useRef } from "preact/hooks"
import type { Problem } from "../api/api"
import { words } from "../text"

/** A state as a word with a dot: never by colour alone. */
export const State = ({ name }: { name: string }) => <span class={`state is-${name}`}>{words(name)}</span>

/** What stands where nothing is. */
export const Empty = ({ children }: { children: ComponentChildren }) => <p class="empty">{children}</p>

/** Why a view has nothing to show, and what to do. */
export function Failure({ problem, again }: { problem: Problem; again?: () => void }) {
  return (
    <div class="failure" role="alert">
      <p>
        <strong>{problem.message}.</strong> {problem.remedy}
      </p>
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  )
}

/** What to do, a step a line. */
export function Remedy({ text }: { text: string }) {
  const steps = text.split("\n").filter((line) => line.trim() !== "")
  if (steps.length === 0) return null
  return (
    <ul class="remedy">
      {steps.map((step) => (
        <li>{step}</li>
      ))}
    </ul>
  )
}

/** The head of a view; a change of view leads readers there. */
export function Heading({ children, arrive }: { children: ComponentChildren; arrive: boolean }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    if (arrive) heading.current?.focus()
  }, [arrive])
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  )
}

// The token that changes need. It comes in the fragment of the address, which no browser sends, or from a field.

import { signal } from "@preact/signals"

const KEY = "freesmtp-token"

/** Empty: none was given. */
export const token = signal(read())

export function setToken(text: string): void {
  token.value = text.trim()
  try {
    if (token.value) sessionStorage.setItem(KEY, token.value)
    else sessionStorage.removeItem(KEY)
  } catch {
    // Without storage it lasts as long as the page.
  }
}

/** Takes the token out of the address, so that it is in no history, bookmark or screenshot. */
export function takeFromAddress(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get("token")
  if (given === null) return
  setToken(given)
  history.replaceState(null, "", `${location.pathname}${location.search}#/`)
}

function read(): string {
  try {
    return sessionStorage.getItem(KEY) ?? ""
  } catch {
    return ""
  }
}

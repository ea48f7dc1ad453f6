// Questions and orders to the agent that serves the page.

import { setToken, token } from "./token"
import type { Ordered } from "./types"

/** Why something was not done, and what to do. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly remedy: string,
  ) {
    super(message)
  }
}

/** How long an answer may take. */
const PATIENCE = 20_000

export function address(
  path: string,
  query: Record<string, string | number | null | undefined> = {},
): string {
  const url = new URL(`api/${path}`, document.baseURI)
  url.hash = ""
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value))
  }
  return url.href
}

/** A request with the token, where there is one; any answer but 2yz is a `Problem`. */
export async function ask(url: string, options: RequestInit = {}): Promise<Response> {
  const headers = new Headers(options.headers)
  if (token.value) headers.set("Authorization", `Bearer ${token.value}`)
  let response: Response
  try {
    response = await fetch(url, { ...options, headers, cache: "no-store", redirect: "error" })
  } catch (error) {
    if (options.signal?.aborted && options.signal.reason?.name !== "TimeoutError") throw error
    throw new Problem(0, "no-agent", "The agent does not answer", "Look whether it runs: freesmtp status.")
  }
  if (!response.ok) throw await problem(response)
  return response
}

async function problem(response: Response): Promise<Problem> {
  let code = `http-${response.status}`
  let message = `The agent answered ${response.status}`
  let remedy = ""
  try {
    const { error } = (await response.json()) as { error: Record<string, unknown> }
    if (typeof error.code === "string") code = error.code
    if (typeof error.message === "string") message = error.message
    if (typeof error.remedy === "string") remedy = error.remedy
  } catch {
    // Another server stands in between; its number has to do.
  }
  if (response.status === 401 && token.value) setToken("")
  return new Problem(response.status, code, message, remedy)
}

export async function get<T>(
  path: string,
  query?: Record<string, string | number | null | undefined>,
  signal?: AbortSignal,
): Promise<T> {
  const patience = AbortSignal.timeout(PATIENCE)
  const both = signal ? AbortSignal.any([signal, patience]) : patience
  const response = await ask(address(path, query), { signal: both })
  return (await response.json()) as T
}

export async function post<T>(path: string, body: object = {}): Promise<T> {
  const response = await ask(address(path), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE),
  })
  return (await response.json()) as T
}

/** Which messages an order is for. */
export type Which = { ids: string[] } | { filter: Partial<Record<string, string>> } | { all: true }

export type Order = "retry" | "hold" | "release" | "cancel" | "purge"

export const order = (what: Order, which: Which): Promise<Ordered> => post(`queue/${what}`, which)

export const blastOrder = <T>(name: string, what: "pause" | "resume" | "cancel"): Promise<T> =>
  post(`blasts/${encodeURIComponent(name)}/${what}`)

/** Saves a message as a file. The request carries the token, so a plain link would not do. */
export async function download(id: string): Promise<void> {
  const response = await ask(address(`messages/${encodeURIComponent(id)}/content`))
  const link = document.createElement("a")
  link.href = URL.createObjectURL(await response.blob())
  link.download = `${id}.eml`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

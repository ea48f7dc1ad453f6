// Server-sent events over fetch: unlike EventSource it sends the token and tells why it failed.

import { address, ask, Problem } from "../api/api"

export type Hear = (name: string, data: string) => void

/** Hears events until the stream ends. Fails as every request does, or when nothing comes for `silence` ms. */
export async function listen(path: string, hear: Hear, silence: number, signal: AbortSignal): Promise<void> {
  const quiet = new AbortController()
  const stop = AbortSignal.any([signal, quiet.signal])
  let timer = setTimeout(() => quiet.abort(), silence)
  try {
    const response = await ask(address(path), { headers: { Accept: "text/event-stream" }, signal: stop })
    if (!response.body) return
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    const parser = new Parser(hear)
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(timer)
      timer = setTimeout(() => quiet.abort(), silence)
      parser.push(value)
    }
  } catch (error) {
    if (quiet.signal.aborted) throw new Problem(0, "silent", "The agent has gone silent", "")
    throw error
  } finally {
    clearTimeout(timer)
    quiet.abort()
  }
}

/** Reads the lines of a stream (HTML standard, section 9.2.6). */
export class Parser {
  private rest = ""
  private name = ""
  private data: string[] = []

  constructor(private readonly hear: Hear) {}

  push(text: string): void {
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/)
    this.rest = lines.pop() ?? ""
    for (const line of lines) this.line(line)
  }

  private line(line: string): void {
    if (line === "") {
      if (this.data.length > 0) this.hear(this.name || "message", this.data.join("\n"))
      this.name = ""
      this.data = []
      return
    }
    const [, field = "", value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (field === "event") this.name = value
    else if (field === "data") this.data.push(value)
  }
}

import assert from "node:assert/strict"
import test from "node:test"
import type { Point, Status } from "../api/types"
import { columns, merged, minutes } from "./series"
import { Parser } from "./stream"
import { verdict } from "./verdict"

const point = (second: number, delivered = 1): Point => ({
  at: new Date(second * 1_000).toISOString(),
  delivered,
  deferred: 0,
  failed: 0,
  sessions: 0,
  queue: 0,
})

test("events come whole, however the stream is cut", () => {
  const stream =
    ': hello\r\n\r\nevent: status\ndata: {"a":1}\n\ndata: x\ndata:y\n\nid: 7\n\nevent: z\r\ndata: 2\r\n\r\n'
  const wanted = [
    ["status", '{"a":1}'],
    ["message", "x\ny"],
    ["z", "2"],
  ]
  for (const size of [1, 2, 3, 7, stream.length]) {
    const heard: string[][] = []
    const parser = new Parser((name, data) => heard.push([name, data]))
    for (let from = 0; from < stream.length; from += size) parser.push(stream.slice(from, from + size))
    assert.deepEqual(heard, wanted, `in pieces of ${size}`)
  }
})

test("points are kept once, in order, the latest of them", () => {
  const all = merged([point(1), point(3)], [point(2), point(3, 9)], 600)
  assert.deepEqual(
    all.map((one) => [one.at.slice(17, 19), one.delivered]),
    [
      ["01", 1],
      ["02", 1],
      ["03", 9],
    ],
  )
  assert.equal(merged([], [point(1), point(2), point(3)], 2).length, 2)
})

test("a chart has a hole where the agent was away", () => {
  assert.deepEqual(columns([point(10), point(11), point(20)], 15, 20).slice(0, 2), [
    [10, 11, 12, 20],
    [1, 1, null, 1],
  ])
  assert.deepEqual(columns([point(10), point(20)], 5, 20)[0], [20])
  assert.deepEqual(
    minutes([point(59), point(60), point(61)]).map((minute) => minute.delivered),
    [2, 1],
  )
})

const status = (queue: Partial<Status["queue"]>, speed = 0): Status => ({
  version: "1",
  spool: "",
  pid: 1,
  started: "",
  uptime_seconds: 1,
  sessions: { open: 0, limit: 256 },
  queue: { messages: 1, ready: 0, later: 0, held: 0, oldest: null, oldest_age_seconds: null, ...queue },
  rate: speed,
  since_start: { delivered: 0, deferred: 0, failed: 0, unknown: 0 },
})

test("the sentence at the head says how delivery goes", () => {
  const still = Array.from({ length: 30 }, (_, second) => point(second, 0))
  assert.equal(verdict(status({ messages: 0 }), still).text, "Nothing waits.")
  assert.equal(verdict(status({ ready: 5 }, 12.4), still).text, "Delivering 12 a second.")
  assert.equal(verdict(status({ ready: 5 }), still).tone, "bad")
  assert.equal(verdict(status({ ready: 5 }), still.slice(5)).tone, "calm", "too early to tell")
  assert.match(verdict(status({ later: 2 }), still).text, /^2 deliveries wait/)
  assert.match(verdict(status({ held: 1 }), still).text, /^1 delivery is held/)
})

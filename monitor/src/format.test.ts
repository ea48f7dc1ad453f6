import assert from "node:assert/strict"
import test from "node:test"
import { count, duration, octets, percent, rate, several } from "./format"

test("all is said only of all, and none only of none", () => {
  assert.equal(percent(20_000, 20_000), "100 %")
  assert.equal(percent(19_999, 20_000), "> 99.9 %")
  assert.equal(percent(1, 20_000), "< 0.1 %")
  assert.equal(percent(0, 20_000), "0 %")
  assert.equal(percent(1, 3), "33.3 %")
  assert.equal(percent(0, 0), "–")
})

test("times have their two largest units", () => {
  assert.equal(duration(0), "0 s")
  assert.equal(duration(59.6), "1 min")
  assert.equal(duration(61), "1 min 1 s")
  assert.equal(duration(3_600), "1 h")
  assert.equal(duration(3_600 * 25 + 59), "1 d 1 h")
  assert.equal(duration(-5), "0 s")
})

test("numbers", () => {
  assert.equal(count(1_234_567), "1,234,567")
  assert.equal(rate(9.25), "9.3")
  assert.equal(rate(1_034.2), "1,034")
  assert.equal(octets(999), "999 B")
  assert.equal(octets(1_500), "1.5 KB")
  assert.equal(octets(50_000_000), "50 MB")
  assert.equal(several(1, "delivery", "deliveries"), "1 delivery")
  assert.equal(several(0, "message"), "0 messages")
})

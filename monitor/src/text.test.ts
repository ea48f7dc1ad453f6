import assert from "node:assert/strict"
import test from "node:test"
import { pieces, plain, words } from "./text"

test("what would not be seen, or would turn the text around, is written out", () => {
  assert.equal(plain("a\u202egnp.exe"), "a\\u{202e}gnp.exe")
  assert.equal(plain("\x00\x1b[2J\x9b\r\n\t"), "\\x00\\x1b[2J\\x9b\\r\\n\\t")
  assert.equal(
    plain("\u2066a\u2069\u200f\u061c\ufeff\u00ad"),
    "\\u{2066}a\\u{2069}\\u{200f}\\u{61c}\\u{feff}\\xad",
  )
  assert.equal(plain("a\u2028b\u3164c\ue000\ud800"), "a\\u{2028}b\\u{3164}c\\u{e000}\\u{d800}")
})

test("joiners stay where scripts and emoji need them, and are shown where they only hide", () => {
  const family = "\u{1f468}\u200d\u{1f469}"
  const persian = "می\u200cخواهم"
  assert.equal(plain(family), family)
  assert.equal(plain(persian), persian)
  assert.equal(plain("pay\u200dpal.com\u200c"), "pay\\u{200d}pal.com\\u{200c}")
})

test("every other text stays whole, markup included", () => {
  for (const text of ["<script>alert(1)</script>", "Zoë 密码 שלום &amp;", "", "line"]) {
    assert.equal(plain(text), text)
    assert.ok(pieces(text).every((piece) => !piece.hidden))
  }
  assert.deepEqual(pieces("a\x07b"), [
    { text: "a", hidden: false },
    { text: "\x07", hidden: true },
    { text: "b", hidden: false },
  ])
})

test("causes read as words", () => {
  assert.equal(words("relay-denied"), "Relay denied")
  assert.equal(words(""), "")
})

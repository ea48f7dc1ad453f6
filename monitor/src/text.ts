// Text from outside: subjects, addresses, replies of servers.

/** A piece of it; hidden ones would not be seen, or would reorder what stands beside them. */
export interface Piece {
  text: string
  hidden: boolean
}

// Control and format characters, line and paragraph separators, lone surrogates, private use, and letters that are
// drawn as nothing. ZWJ and ZWNJ belong to emoji and to scripts, but not beside ASCII.
const HIDDEN =
  /(?:(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]|[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]|(?<=^|[\0-\x7f])[\u200c\u200d]|[\u200c\u200d](?=$|[\0-\x7f]))/u

const SHORT: Record<string, string> = { "\t": "\\t", "\n": "\\n", "\r": "\\r" }

/** How a hidden character is written. */
export function written(character: string): string {
  const short = SHORT[character]
  if (short) return short
  const code = character.codePointAt(0) ?? 0
  const digits = code.toString(16)
  return code < 0x100 ? `\\x${digits.padStart(2, "0")}` : `\\u{${digits}}`
}

/** The name of a character as Unicode writes it. */
export const codePoint = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`

/** Cuts a text where hidden characters stand in it. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = []
  let from = 0
  for (const match of text.matchAll(new RegExp(HIDDEN, "gu"))) {
    if (match.index > from) found.push({ text: text.slice(from, match.index), hidden: false })
    found.push({ text: match[0], hidden: true })
    from = match.index + match[0].length
  }
  if (from < text.length) found.push({ text: text.slice(from), hidden: false })
  return found
}

/** The same as one text, for titles and labels. */
export const plain = (text: string): string =>
  pieces(text)
    .map((piece) => (piece.hidden ? written(piece.text) : piece.text))
    .join("")

/** The name of a cause in words: `relay-denied` is "Relay denied". */
export function words(name: string): string {
  const text = plain(name).replaceAll("-", " ")
  return text.charAt(0).toUpperCase() + text.slice(1)
}

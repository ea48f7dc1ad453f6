// Numbers as people read them.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 })
const TENTH = new Intl.NumberFormat("en", { maximumFractionDigits: 1 })
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 })

export const count = (number: number): string => WHOLE.format(number)

/** For axes and badges: 1.2K. */
export const short = (number: number): string => SHORT.format(number)

/** Something a second: tenths only where they say something. */
export const rate = (number: number): string => (number < 10 ? TENTH : WHOLE).format(number)

/** One of something, or several. */
export const several = (number: number, one: string, more = `${one}s`): string =>
  `${count(number)} ${number === 1 ? one : more}`

/** A share in percent. All is said only of all, and none only of none. */
export function percent(part: number, whole: number): string {
  if (whole <= 0) return "–"
  const share = (part / whole) * 100
  if (part > 0 && share < 0.1) return "< 0.1 %"
  if (part < whole && share > 99.9) return "> 99.9 %"
  return `${TENTH.format(share)} %`
}

const UNITS: [number, string][] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
]

/** A time in its two largest units: `2 h 5 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const index = UNITS.findIndex(([size]) => whole >= size)
  const [size, name] = UNITS[index] ?? [1, "s"]
  const large = Math.floor(whole / size)
  const next = UNITS[index + 1]
  const small = next ? Math.floor((whole % size) / next[0]) : 0
  return next && small > 0 ? `${large} ${name} ${small} ${next[1]}` : `${large} ${name}`
}

const OCTETS = ["B", "KB", "MB", "GB", "TB"]

export function octets(number: number): string {
  let power = 0
  let size = number
  while (size >= 1_000 && power < OCTETS.length - 1) {
    size /= 1_000
    power += 1
  }
  return `${(size < 10 ? TENTH : WHOLE).format(size)} ${OCTETS[power]}`
}

const TIME = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" })
const DAY = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
})
const FULL = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" })

/** The time of day; with the day, when it is another one. */
export function moment(at: Date, now = new Date()): string {
  return at.toDateString() === now.toDateString() ? TIME.format(at) : DAY.format(at)
}

/** The time of day alone. */
export const time = (at: Date): string => TIME.format(at)

export const fullMoment = (at: Date): string => FULL.format(at)

// What the agent answers; docs/agent-socket.md has the meaning of each member.

/** How the agent is. */
export interface Status {
  version: string
  spool: string
  pid: number
  started: string
  uptime_seconds: number
  sessions: { open: number; limit: number }
  queue: {
    messages: number
    ready: number
    later: number
    held: number
    oldest: string | null
    oldest_age_seconds: number | null
  }
  /** Recipients delivered per second, over the last ten. */
  rate: number
  since_start: { delivered: number; deferred: number; failed: number; unknown: number }
}

/** What happened in a second. */
export interface Point {
  at: string
  delivered: number
  deferred: number
  failed: number
  sessions: number
  queue: number
}

export interface History {
  interval_seconds: number
  points: Point[]
}

/** Where mail waits. */
export interface Site {
  site: string
  ready: number
  later: number
  held: number
  oldest_ready_seconds: number | null
  /** Deliveries that are ready or wait for later, by the age of their message. */
  ages?: { minutes: number; hour: number; day: number; older: number }
}

/** Why mail waits, or failed. */
export interface Cause {
  cause: string
  remedy: string
  summary?: string
  count: number
}

/** A recipient that failed. */
export interface Failure {
  id: string
  recipient: string
  at: string
  code: number
  status: string
  text: string
}

/** Why recipients failed, since the agent was started. */
export interface Failed {
  cause: string
  remedy: string
  count: number
  /** The latest of them, the latest first. */
  latest: Failure[]
}

export interface Destinations {
  /** When the queue was looked through: a long one is not for every question. */
  at: string
  sites: Site[]
  /** What waits. */
  causes: Cause[]
  /** What waits no longer. */
  failed: Failed[]
}

export type BlastState = "running" | "paused" | "cancelled" | "done"

export interface Blast {
  name: string
  state: BlastState
  done: boolean
  created: string
  updated: string
  messages: number
  recipients: number
  open: number
  delivered: number
  /** Of the open ones. */
  deferred: number
  failed: number
  expired: number
  cancelled: number
  rate: number
  eta_seconds: number | null
}

export type MessageState = "ready" | "later" | "held" | "paused" | "done"

/** A message in a list. */
export interface Listed {
  id: string
  state: MessageState
  sender: string
  subject?: string | null
  recipients: string[]
  recipients_total: number
  recipients_open: number
  message_id: string
  octets: number
  blast: string | null
  priority: number
  site: string | null
  submitted: string
  attempts: number
  next_attempt: string | null
  last: { code: number | null; status: string; text: string; cause: string } | null
}

export interface Page {
  messages: Listed[]
  next: string | null
}

/** What was said, by whom, and what it means. */
export interface Said {
  server: string | null
  stage: string | null
  code: number | null
  status: string | null
  text: string | null
  cause: string | null
  remedy: string | null
}

export interface Recipient extends Said {
  email: string
  state: "ready" | "later" | "held" | "delivered" | "failed" | "expired" | "cancelled"
  site: string | null
  attempts: number
  next_attempt: string | null
  at: string | null
}

export interface Attempt extends Said {
  at: string
  /** Empty: all recipients that were due then. */
  email: string
  outcome: "deferred" | "failed" | "unknown" | "delivered"
  transcript?: string[]
}

/** Everything about a message; one that ended has fewer members. */
export interface Message {
  id: string
  state: MessageState
  sender: string | null
  subject?: string | null
  message_id: string | null
  octets?: number
  blast?: string | null
  priority?: number
  submitted: string
  expires?: string | null
  ended?: string | null
  recipients_total: number
  recipients_open: number
  recipients: Recipient[]
  attempts?: Attempt[]
}

/** Something that did not go well; docs/events.md. */
export interface DeliveryEvent {
  event: "deferred" | "bounced" | "expired"
  at: string
  id: string
  recipient: string
  blast?: string
  server?: string
  code?: number
  status?: string
  text?: string
  cause?: string
  remedy?: string
  next_attempt?: string
}

/** What an order did. */
export interface Ordered {
  count: number
  unknown?: string[]
}

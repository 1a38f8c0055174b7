/**
 * The demo's stand-in for Legiti: it takes what the gateway sends, shows it, and can be made to misbehave. Its events and its mode are
 * stored, so that an outage can be watched across restarts.
 */
import { DurableObject } from 'cloudflare:workers'
import type { Env } from '../contract/env.ts'
import type { Mode, StandInAnswer, StandInCalls } from '../contract/stand-in.ts'

/** One request as it arrived, and what it was answered. */
export interface Received {
  readonly at: string
  readonly method: string
  readonly path: string
  readonly body: unknown
  readonly status: number
}

const SLOW_MS = 10_000
const MOST_EVENTS = 1_000

export class LegitiStandIn extends DurableObject<Env> implements StandInCalls {
  readonly #sql: SqlStorage

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    this.#sql.exec('CREATE TABLE IF NOT EXISTS behaviour (mode TEXT NOT NULL)')
    this.#sql.exec(
      'CREATE TABLE IF NOT EXISTS received (seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL)',
    )
  }

  behave(mode: Mode): void {
    this.#sql.exec('DELETE FROM behaviour')
    this.#sql.exec('INSERT INTO behaviour VALUES (?)', mode)
  }

  mode(): Mode {
    return this.#sql.exec<{ mode: Mode }>('SELECT mode FROM behaviour').toArray()[0]?.mode ?? 'ok'
  }

  /** Takes one request and answers as configured. Refused ones are recorded, too: they did arrive. */
  async take(method: string, path: string, body: unknown): Promise<StandInAnswer> {
    const mode = this.mode()
    if (mode === 'slow') await scheduler.wait(SLOW_MS)
    const answer = answerTo(mode, method, path)
    const event: Received = { at: new Date().toISOString(), method, path, body, status: answer.status }
    this.#sql.exec('INSERT INTO received (event) VALUES (?)', JSON.stringify(event))
    this.#sql.exec('DELETE FROM received WHERE seq <= (SELECT max(seq) FROM received) - ?', MOST_EVENTS)
    return answer
  }

  /** Returns the events that arrived, oldest first: each a Received as JSON. */
  events(): string[] {
    return this.#sql
      .exec<{ event: string }>('SELECT event FROM received ORDER BY seq')
      .toArray()
      .map(({ event }) => event)
  }
}

/** Answers in the forms that are known of Legiti: 201 to POST, 200 otherwise, and its two kinds of error. */
function answerTo(mode: Mode, method: string, path: string): StandInAnswer {
  if (mode === 'fail') return { status: 503, body: { message: 'The stand-in was told to fail' } }
  if (mode === 'reject') {
    return { status: 400, body: { error_message: 'The stand-in was told to reject', error_code: 'rejected' } }
  }
  const isDecision = path.startsWith('/v2/order') || path === '/evaluation'
  return {
    status: method === 'POST' ? 201 : 200,
    body: isDecision ? { decision: 'approve', stand_in: true } : {},
  }
}

/** Visits the pages of approvals as a browser does: with its cookies, and with what it says of where a request comes from. */
import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import { app } from '../../../src/app.ts'
import type { Env } from '../../../src/contract/env.ts'
import { BASE, type Json, request, STATELESS } from '../../support/gateway.ts'

export interface Seen {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

interface Sent {
  readonly method?: string
  readonly fields?: Readonly<Record<string, string>>
  /** Anything else that is sent. */
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Each comes from an address of its own, for failures are counted by it: of loopback, for the demo is this machine's alone. */
let visitors = 0

export class Visitor {
  readonly #origin: string
  readonly #bindings: Partial<Env>
  readonly #address = `127.3.${Math.floor(++visitors / 250)}.${visitors % 250}`
  /** By path and name. */
  readonly cookies = new Map<string, string>()

  constructor({ origin = BASE, bindings = {} }: { origin?: string; bindings?: Partial<Env> } = {}) {
    this.#origin = origin
    this.#bindings = bindings
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Seen> {
    return this.send(path, { headers })
  }

  /** Sends a form of a page of this origin, whose referrer policy has browsers say no `Origin`. */
  post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Seen> {
    return this.send(path, {
      method: 'POST',
      fields,
      headers: { 'sec-fetch-site': 'same-origin', origin: 'null', ...headers },
    })
  }

  async send(path: string, { method = 'GET', fields, body, headers = {} }: Sent): Promise<Seen> {
    const { pathname } = new URL(path, this.#origin)
    const cookie = [...this.cookies]
      .filter(([key]) => pathname.startsWith(key.split(' ')[0] ?? ''))
      .map(([key, value]) => `${key.split(' ')[1]}=${value}`)
      .join('; ')
    const http = new Request(new URL(path, this.#origin), {
      method,
      redirect: 'manual',
      headers: {
        'cf-connecting-ip': this.#address,
        ...(cookie === '' ? {} : { cookie }),
        ...(fields === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      ...(fields === undefined ? {} : { body: new URLSearchParams(fields).toString() }),
      ...(body === undefined ? {} : { body }),
    })
    const response = await app.fetch(http, { ...env, ...this.#bindings } as Env, createExecutionContext())
    const set = response.headers.get('set-cookie')
    if (set !== null) this.#keep(set)
    return { status: response.status, headers: response.headers, text: await response.text() }
  }

  /** Calls a tool as an agent of the stateless era; what it is told beside the text. */
  async call(token: string, name: string, args: Json): Promise<Json> {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': STATELESS,
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    const { text } = await this.send('/mcp', {
      method: 'POST',
      body: JSON.stringify(request('tools/call', { name, arguments: args, _meta })),
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': STATELESS,
        'mcp-method': 'tools/call',
        'mcp-name': name,
      },
    })
    return (JSON.parse(text) as { result: { structuredContent: Json } }).result.structuredContent
  }

  /** Signs in, and checks that this leads back to the page. */
  async signIn(path: string, token: string): Promise<this> {
    const answer = await this.post(path, { do: 'sign-in', token })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, path])
    return this
  }

  /** Decides with the form that the page has now, or with another's. */
  async decide(path: string, decision: 'approve' | 'deny', reason = '', form?: string): Promise<Seen> {
    const token = form ?? formOf(await this.get(path))
    return this.post(path, { do: 'decide', decision, reason, form: token })
  }

  #keep(set: string): void {
    const [pair = '', ...attributes] = set.split('; ')
    const [name = '', value = ''] = pair.split(/=(.*)/s)
    const path = attributes.find((it) => it.startsWith('Path='))?.slice('Path='.length) ?? '/'
    if (attributes.includes('Max-Age=0')) this.cookies.delete(`${path} ${name}`)
    else this.cookies.set(`${path} ${name}`, value)
  }
}

/** What the form of a page brings back. */
export function formOf({ text }: Seen): string {
  const found = /name="form" value="([^"]+)"/.exec(text)?.[1]
  if (found === undefined) throw new Error(`there is no form:\n${text}`)
  return found
}

/** What the alert of a page says, and nothing where it has none. */
export function alertOf({ text }: Seen): string {
  return /role="alert">([^<]*)/.exec(text)?.[1] ?? ''
}

/** Everything of an answer but the id that names it. */
export function whole({ status, headers, text }: Seen): unknown {
  return [status, [...headers].filter(([name]) => name !== 'x-request-id'), text]
}

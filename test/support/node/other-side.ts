/**
 * The world outside, for tests in workerd: one real HTTP server on loopback whose behaviour is in the path, so
 * that tests share it without sharing state.
 *
 *   /status/<n>/…   answers <n> with Legiti's kind of error or answer
 *   /busy/…         429 with Retry-After
 *   /redirect/…     302 to another address
 *   /hang/…         never answers
 *   /large/…        2 MiB
 *   /html/…         something that is no JSON
 *   /echo/…         what it was sent
 *   /heard/<x>/<n>/…  answers <n>, never where <n> is "hang", 503 and 200 in turn where it is "turns"; GET /heard/<x> lists what came for <x> before
 *   /asking/<x>/…   an MCP server that asks before it answers: asking-side.ts
 *   /keys           a JSON Web Key Set
 *   /magento/…      stores: fake-magento.ts
 *   /dns/<a>/…      a resolver (DNS over HTTPS, JSON) that knows every name by the address <a>; "none" for no address
 */
import { generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { TestProject } from 'vitest/node'
import { ask } from './asking-side.ts'
import { answerMagento } from './fake-magento.ts'
import { startMisbehaving } from './misbehaving.ts'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const keys = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' }] }
  const server = createServer((request, response) => void answer(request, response, keys))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  project.provide('otherSide', `http://127.0.0.1:${address.port}`)
  // Other servers are asked for what they have declared alone.
  const upstream = await startMisbehaving({
    capabilities: { resources: { subscribe: true }, prompts: {}, completions: {} },
  })
  project.provide('upstream', upstream.url)
  project.provide(
    'signingKey',
    JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256' }),
  )
  return async () => {
    await upstream.stop()
    await new Promise<void>((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  }
}

/** What came for each key of `/heard/<key>/…`. */
const heard = new Map<string, object[]>()

async function answer(request: IncomingMessage, response: ServerResponse, keys: unknown): Promise<void> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  const [, kind, status, more] = (request.url ?? '').split('/')
  if (kind === 'asking') return ask(request, status ?? '', body, response)
  const json = (code: number, value: unknown, headers: Record<string, string> = {}) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(value))
  }
  switch (kind) {
    case 'status':
      return json(Number(status), { error_message: 'the sale is unknown', error_code: 'sale_unknown' })
    case 'busy':
      return json(429, { message: 'slow down' }, { 'retry-after': '7' })
    case 'redirect':
      return json(302, {}, { location: '/status/200' })
    case 'hang':
      return
    case 'large':
      return json(200, 'x'.repeat(2 * 1024 * 1024))
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end('<p>maintenance</p>')
      return
    case 'echo':
      return json(200, { method: request.method, url: request.url, headers: request.headers, body })
    case 'dns': {
      const asked = new URL(request.url ?? '', 'http://resolver').searchParams.get('type')
      const address = decodeURIComponent(status ?? '')
      const type = address.includes(':') ? 28 : 1
      const isAsked = address !== 'none' && asked === (type === 28 ? 'AAAA' : 'A')
      const alias = { name: 'x', type: 5, TTL: 1, data: 'alias.example' }
      return json(200, {
        Status: 0,
        Answer: isAsked ? [alias, { name: 'x', type, TTL: 1, data: address }] : [],
      })
    }
    case 'heard': {
      const before = heard.get(status ?? '') ?? []
      if (more === undefined) return json(200, before)
      heard.set(status ?? '', [
        ...before,
        { method: request.method, url: request.url, headers: request.headers, body },
      ])
      if (more === 'hang') return
      return json(more === 'turns' ? (before.length % 2 === 0 ? 503 : 200) : Number(more), {})
    }
    case 'keys':
      return json(200, keys)
    case 'magento':
      return answerMagento(request, response, body)
    default:
      return json(404, {})
  }
}

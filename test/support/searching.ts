/**
 * Hears what the gateway is asked, and searches all objects, the audit database and the log for what was used:
 * leaks/spoken.ts, leaks/may-stand.ts. Loaded once for all test files of a runtime; setup.ts calls it for each.
 */
import { runInDurableObject } from 'cloudflare:test'
import { DurableObject, env } from 'cloudflare:workers'
import { app } from '../../src/app.ts'
import * as worker from '../../src/index.ts'
import { hearDeployment } from './leaks/deployment.ts'
import { type Finding, findingsIn, findingsInRows } from './leaks/findings.ts'
import { KEPT_TOO_LONG, keepsContents, keptTooLong } from './leaks/kept.ts'
import { makeNeedles } from './leaks/needles.ts'
import { type Searcher, searcherOf } from './leaks/search.ts'
import { hearAnswer, hearRequest } from './leaks/spoken.ts'

let needles = makeNeedles()
const reading = new Set<Promise<void>>()
let lines: string[] = []
/**
 * Objects that ran since storage was emptied, by the names of their classes. Nothing stands in the others, and to look
 * into one makes it anew.
 */
const touched = new Map<string, Set<string>>()

/** Begins a test file: what the one before said is not looked for any more. */
export function begin(): void {
  needles = makeNeedles()
  lines = []
  // The fake Magento's tokens all begin so; the gateway is told them, and nobody else is.
  needles.add('credential', "a store's token", 'store-token-')
}

/** Call before all storage is emptied. */
export function beforeEmptied(): void {
  touched.clear()
}

/** The objects of a class that may have stored something. */
export function touchedOf<T extends Rpc.DurableObjectBranded | undefined>(
  className: string,
  namespace: DurableObjectNamespace<T>,
): readonly DurableObjectStub<T>[] {
  return [...(touched.get(className) ?? [])].map((id) => namespace.get(namespace.idFromString(id)))
}

/** Stands between an object's class and the runtime's. */
class Noted extends DurableObject {
  constructor(state: DurableObjectState, bindings: Cloudflare.Env) {
    super(state, bindings)
    const { name } = this.constructor
    touched.set(name, (touched.get(name) ?? new Set()).add(state.id.toString()))
  }
}

for (const exported of Object.values(worker))
  if (typeof exported === 'function' && Object.getPrototypeOf(exported) === DurableObject)
    Object.setPrototypeOf(exported, Noted)

/** Has a value searched for that no request says: a key, a store's token. `label` must not repeat it. */
export function registerSecret(label: string, value: string | Uint8Array): void {
  needles.add('deployment secret', label, value)
}

// A request is heard when it is made: to read along would change when its body is read.
globalThis.Request = new Proxy(Request, {
  construct: (target, args: ConstructorParameters<typeof Request>, newTarget) => {
    const request = Reflect.construct(target, args, newTarget) as Request
    const body = args[1]?.body
    hearRequest(needles, {
      path: new URL(request.url).pathname,
      header: (name) => request.headers.get(name),
      body: typeof body === 'string' || body instanceof URLSearchParams ? String(body) : '',
    })
    return request
  },
})

const inner = app.fetch
app.fetch = async (request, bindings, execution) => {
  const { pathname } = new URL(request.url)
  hearDeployment(needles, bindings as unknown as Record<string, unknown>)
  const answer = await inner(request, bindings, execution)
  if (pathname.startsWith('/api/') && answer.headers.get('content-type')?.startsWith('application/json')) {
    const heard = answer
      .clone()
      .text()
      .then((text) => hearAnswer(needles, pathname, text))
    reading.add(heard)
    void heard.finally(() => reading.delete(heard))
  }
  return answer
}

// Whatever a test puts in the place of these, it is asked through here.
const levels: ReadonlySet<string | symbol> = new Set(['debug', 'log', 'info', 'warn', 'error'])
const heardConsole = new Proxy(console, {
  get: (target, key) => {
    const value: unknown = Reflect.get(target, key)
    if (!levels.has(key) || typeof value !== 'function') return value
    return new Proxy(value, {
      apply: (fn, self, args) => {
        lines.push(args.map(String).join(' '))
        return Reflect.apply(fn, self, args)
      },
    })
  },
})

Object.assign(globalThis, { console: heardConsole })

/** The namespaces by the classes of their objects, as whole programs' state has them. */
const namespaces = {
  PrincipalObject: env.PRINCIPAL,
  TenantObject: env.TENANT,
  TenantCounters: env.TENANT_COUNTERS,
  ExchangeObject: env.EXCHANGE,
  LegitiStandIn: env.LEGITI_STAND_IN,
} as unknown as Readonly<Record<string, DurableObjectNamespace>>

/** Forgets what was logged. */
export function forget(): void {
  lines = []
}

/** All that is found in storage and log now. */
export async function search(): Promise<readonly Finding[]> {
  await Promise.all(reading)
  const searcher = searcherOf(needles.all())
  const inObjects = Object.entries(namespaces).map(([store, namespace]) =>
    Promise.all(touchedOf(store, namespace).map((object) => inObject(searcher, store, object))),
  )
  const stored = await Promise.all([inAuditDatabase(searcher), ...inObjects])
  const logged = findingsIn(searcher, lines.join('\n'), 'log', { store: 'log', table: null, column: null })
  return [...logged, ...stored.flat(2)]
}

function inObject(searcher: Searcher, store: string, object: DurableObjectStub): Promise<Finding[]> {
  return runInDurableObject(object, async (_, { storage }) => {
    const tables = storage.sql
      .exec<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
      )
      .toArray()
    const rows = tables.flatMap(({ name }) =>
      findingsInRows(searcher, storage.sql.exec(`SELECT * FROM "${name}"`), store, { store, table: name }),
    )
    const kept = keepsContents(tables.map(({ name }) => name))
      ? keptTooLong(storage.sql.exec(KEPT_TOO_LONG).toArray(), store, store)
      : []
    const pairs = [...(await storage.list())].map(([key, value]) => ({ key, value: JSON.stringify(value) }))
    const values = findingsInRows(searcher, pairs, store, { store, table: '_cf_KV' })
    return [...rows, ...kept, ...values]
  })
}

async function inAuditDatabase(searcher: Searcher): Promise<Finding[]> {
  const db = env.AUDIT_DB
  if (db === undefined) throw new Error('there is no binding AUDIT_DB')
  const { results } = await db
    .prepare("SELECT name FROM sqlite_master WHERE name = 'audit'")
    .all<{ name: string }>()
  if (results.length === 0) return []
  const rows = await db.prepare('SELECT * FROM audit').all<Record<string, unknown>>()
  return findingsInRows(searcher, rows.results, 'AUDIT_DB', { store: 'AUDIT_DB', table: 'audit' })
}

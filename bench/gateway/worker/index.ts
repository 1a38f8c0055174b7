/**
 * The gateway, with a count of the rows that its principals write, as the platform bills them: `rowsWritten` of every cursor, indexes
 * included, and one for each alarm that is set. The product's own code stays as it is: what it is given counts.
 *
 *   /written             what was counted so far
 *   /later?ms=…&of=…     moves the clock, has a principal do then what its alarm does, and says how many audit rows it still has
 */
import { app } from '../../../src/app.ts'
import type { Env } from '../../../src/contract/env.ts'
import { PrincipalObject as Counted } from '../../../src/principal/object.ts'

export * from '../../../src/index.ts'

/** Statements may still write while their rows are read, so cursors are asked when the count is. */
const cursors: { readonly rowsWritten: number }[] = []
const MOST_CURSORS = 10_000
let rows = 0
let alarms = 0

function addUp(): void {
  for (const { rowsWritten } of cursors.splice(0)) rows += rowsWritten
}

/** By so much the clock is ahead. */
let aheadMs = 0
const realNow = Date.now
Date.now = () => realNow() + aheadMs

function watch(storage: DurableObjectStorage): void {
  const { sql } = storage
  const exec = sql.exec.bind(sql)
  Object.defineProperty(sql, 'exec', {
    value: (query: string, ...bindings: unknown[]) => {
      const cursor = exec(query, ...bindings)
      cursors.push(cursor)
      if (cursors.length >= MOST_CURSORS) addUp()
      return cursor
    },
  })
  const setAlarm = storage.setAlarm.bind(storage)
  Object.defineProperty(storage, 'setAlarm', {
    value: (...given: Parameters<typeof setAlarm>) => {
      alarms += 1
      return setAlarm(...given)
    },
  })
}

export class PrincipalObject extends Counted {
  constructor(ctx: DurableObjectState, env: Env) {
    watch(ctx.storage)
    super(ctx, env)
  }

  /** Does what is due, and begins what it does not wait for. Returns the number of its audit rows. */
  async keepHouse(): Promise<number> {
    await this.alarm()
    return this.ctx.storage.sql.exec<{ rows: number }>('SELECT count(*) AS rows FROM audit').one().rows
  }
}

export default {
  async fetch(http: Request, env: Env, execution: ExecutionContext): Promise<Response> {
    const { pathname, searchParams } = new URL(http.url)
    if (pathname !== '/later' && pathname !== '/written') return app.fetch(http, env, execution)
    let auditRows: number | null = null
    if (pathname === '/later') {
      aheadMs += Number(searchParams.get('ms'))
      const principals = env.PRINCIPAL as unknown as DurableObjectNamespace<PrincipalObject>
      auditRows = await principals.getByName(String(searchParams.get('of'))).keepHouse()
    }
    addUp()
    return Response.json({ rows, alarms, auditRows })
  },
} satisfies ExportedHandler<Env>

/** What a connection watches at a server of the stateless era, through logins and logouts. */
import { listDurableObjectIds, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, expect, test } from 'vitest'
import { watchResource } from '../../src/bridge/watched.ts'
import type { RequestContext } from '../../src/request/context.ts'
import { makeGrant } from '../support/admin.ts'
import { fresh } from '../support/gateway.ts'
import { linkOf } from '../support/reception.ts'

beforeEach(fresh)

const contextOf = (transport: string, login: string | null) =>
  ({ presented: { tenant: 'acme', grant: 'bot' }, transport, login }) as unknown as RequestContext
const watch = (transport: string, login: string | null, uri: string, isWatched = true) =>
  watchResource(contextOf(transport, login), linkOf({ incarnation: 'i1' }), { uri, isWatched })
const watched = async () => {
  const ids = await listDurableObjectIds(env.EXCHANGE)
  const read = (id: DurableObjectId) =>
    runInDurableObject(env.EXCHANGE.get(id), (_, { storage }) => storage.get<string[]>('resources'))
  const lists = (await Promise.all(ids.map(read))).filter((uris) => uris !== undefined)
  return lists.map((uris) => uris.toSorted()).toSorted()
}

test('stays watched when the login is another', async () => {
  await makeGrant('acme', 'bot')
  expect(await watch('t1', null, 'a:1')).toBeNull()
  expect(await watch('t1', 'login-1', 'a:2')).toBeNull()
  expect(await watch('t1', 'login-2', 'a:3')).toBeNull()
  expect(await watch('t1', null, 'a:2', false)).toBeNull()
  expect(await watched()).toEqual([['a:1', 'a:3']])
})

test('is none of another connection', async () => {
  await makeGrant('acme', 'bot')
  await watch('t1', null, 'a:1')
  await watch('t2', null, 'a:2')
  expect(await watched()).toEqual([['a:1'], ['a:2']])
})

/** The lists for checking policies are bounded: a server that lists too much loses its own names, and no others. */
import { runInDurableObject } from 'cloudflare:test'
import { beforeEach, expect, test } from 'vitest'
import { toolSchemas } from '../../../src/tenant/tables/tool-schemas.ts'
import { admin, tenantObject } from '../../support/admin.ts'
import { fresh } from '../../support/gateway.ts'

beforeEach(fresh)

test('a list that does not fit is not known, and those behind it are', async () => {
  const sizes = { a: 1, big: 500, c: 1, never: 0 }
  for (const [name, size] of Object.entries(sizes)) {
    await admin('PUT', `acme/servers/${name}?scan=false`, { url: `https://${name}.example.com/mcp` })
    if (size === 0) continue
    const tools = [{ name: 't', inputSchema: { description: 'x'.repeat(size) } }]
    await tenantObject('acme').observe(name, { digest: 'one', toolsJson: JSON.stringify(tools) })
  }
  const known = (longest?: number) =>
    runInDurableObject(tenantObject('acme'), (_, { storage }) => {
      const { servers, toolsJson } = toolSchemas(storage.sql, longest)
      const names = (JSON.parse(toolsJson) as [string, string][]).map(([server]) => server)
      expect(servers.filter(({ isListed }) => isListed).map(({ name }) => name)).toEqual(names)
      expect(servers.map(({ name }) => name)).toEqual(['a', 'big', 'c', 'never'])
      return names
    })
  expect(await known()).toEqual(['a', 'big', 'c'])
  expect(await known(200)).toEqual(['a', 'c'])
  expect(await known(10)).toEqual([])
})

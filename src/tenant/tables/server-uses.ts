/** The uses of a server: everything of a tenant that names it, and that its removal changes. Synchronous SQL. */

import type { ServerUses } from '../../contract/tenant.ts'
import { loadPolicy } from '../../policy/load.ts'
import { namesOfServer } from '../../policy/names-of-server.ts'

export function usesOfServer(sql: SqlStorage, server: string): ServerUses {
  const grants = (value: string) =>
    sql
      .exec<{ name: string }>(
        `SELECT name FROM grants WHERE deleted_at IS NULL
           AND EXISTS (SELECT 1 FROM json_each(grants.servers) WHERE value = ?) ORDER BY name`,
        value,
      )
      .toArray()
      .map(({ name }) => name)
  return { grants: grants(server), every: grants('*'), policies: policiesNaming(sql, server) }
}

function policiesNaming(sql: SqlStorage, server: string): ServerUses['policies'] {
  // Most policies do not hold the text, and need not be read.
  const rows = sql.exec<{ name: string; document: string }>(
    `SELECT v.name, v.document FROM policies p JOIN policy_versions v ON v.name = p.name AND v.version = p.version
     WHERE instr(v.document, ?1 || '__') > 0 OR instr(v.document, ?1 || '+') > 0 ORDER BY v.name`,
    server,
  )
  const found: { name: string; tools: string[]; reads: string[] }[] = []
  for (const { name, document } of rows) {
    const loaded = loadPolicy(JSON.parse(document))
    if (!loaded.ok) continue
    const { tools, reads } = namesOfServer(loaded.hosted, server)
    if (tools.length + reads.length > 0) found.push({ name, tools, reads })
  }
  return found
}

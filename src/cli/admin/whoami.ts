/** `whoami`: who the gateway takes the holder of the token for. */
import { NO_TENANT } from '../gateway/api.ts'
import { administer } from '../gateway/command.ts'
import type { Command } from '../kit/command.ts'
import { fine } from '../kit/outcome.ts'

export const whoamiCommand: Command = administer({
  group: null,
  name: 'whoami',
  summary: 'Say which gateway answers, and who it takes you for',
  json: ['kind', 'name', 'role', 'email', 'tenant', 'version', 'deployment', 'url'],
  examples: ['gatehouse whoami', 'gatehouse whoami --tenant acme'],
  // The root token is of no tenant, and says who it is of without one.
  tenantBehind: async () => NO_TENANT,
  run: async (api) => {
    const { body } = await api.get('/whoami')
    const { kind, name, role, tenant, version } = body
    const who = kind === 'root' ? 'root, the owner of the deployment' : `${name}, ${role}`
    const where = tenant === null ? 'of all tenants' : `tenant ${tenant}`
    return fine([`${who}; ${where}; gateway ${version} at ${api.origin}`], {
      ...body,
      url: api.origin,
    })
  },
})

/** `whoami`: who the gateway takes the holder of the token for. */
import { administer } from '../gateway/command.ts'
import type { Command } from '../kit/command.ts'
import { fine } from '../kit/outcome.ts'

export const whoamiCommand: Command = administer({
  group: null,
  name: 'whoami',
  summary: 'Say which gateway answers, and who it takes you for',
  json: ['kind', 'name', 'role', 'email', 'tenant', 'version', 'deployment', 'url'],
  examples: ['gatehouse whoami'],
  run: async (api) => {
    const { body } = await api.get('/whoami')
    const { kind, name, role, tenant, version } = body
    const who = kind === 'root' ? 'root, the owner of the deployment' : `${name}, ${role}`
    return fine([`${who}; tenant ${tenant}; gateway ${version} at ${api.origin}`], {
      ...body,
      url: api.origin,
    })
  },
})

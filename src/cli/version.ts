/** `version`: the program's own. */
import { identity } from '../base/version.ts'
import type { Command } from './kit/command.ts'
import { fine } from './kit/outcome.ts'

export const versionCommand: Command = {
  group: null,
  name: 'version',
  summary: 'Print the version of this program; whoami says the gateway’s',
  operands: { names: '', least: 0, most: 0 },
  options: [],
  exitCodes: '0 printed; 2 not understood',
  json: ['version'],
  examples: ['gatehouse version'],
  run: async () => fine([identity.version], { version: identity.version }),
}

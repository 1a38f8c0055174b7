/** OpenCode: `run`, one turn, with a provider of its own. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { start } from '../../outside/processes.ts'
import { configuration } from '../configuration.ts'
import type { Program } from '../program.ts'
import { led } from './led.ts'

export const opencode: Program = {
  name: 'opencode',
  packages: ['opencode-ai@1.18.33'],
  folder: 'opencode',
  sessions: 'auto',
  start: async (place) => {
    const config = {
      ...((await configuration('opencode', place)) as object),
      share: 'disabled',
      autoupdate: false,
      provider: {
        stub: {
          npm: '@ai-sdk/openai-compatible',
          name: 'Stub',
          options: { baseURL: `${place.model.url}/v1`, apiKey: 'lab' },
          models: { stub: { name: 'Stub', tool_call: true } },
        },
      },
      model: 'stub/stub',
      small_model: 'stub/stub',
    }
    await writeFile(join(place.work, 'opencode.json'), JSON.stringify(config))
    const env = {
      ...place.env,
      OPENCODE_DISABLE_AUTOUPDATE: '1',
      OPENCODE_DISABLE_MODELS_FETCH: '1',
      OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
    }
    const args = ['run', '--model', 'stub/stub', 'Go.']
    const running = start(join(place.installed, 'node_modules/.bin/opencode'), args, { cwd: place.work, env })
    return led(place, running, (offered, tool) => offered === `gatehouse_${tool}`)
  },
}

/** Gemini CLI: headless, one turn, with its settings in a home of its own. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { start } from '../../outside/processes.ts'
import { configuration } from '../configuration.ts'
import type { Program } from '../program.ts'
import { led } from './led.ts'

export const geminiCli: Program = {
  name: 'gemini-cli',
  packages: ['@google/gemini-cli@0.61.0'],
  folder: 'gemini-cli',
  sessions: 'auto',
  start: async (place) => {
    const folder = join(place.home, '.gemini')
    await mkdir(folder, { recursive: true })
    const settings = {
      ...((await configuration('gemini-cli', place)) as object),
      security: { auth: { selectedType: 'gemini-api-key' }, folderTrust: { enabled: false } },
      telemetry: { enabled: false },
      privacy: { usageStatisticsEnabled: false },
      general: { disableAutoUpdate: true, disableUpdateNag: true },
    }
    await writeFile(join(folder, 'settings.json'), JSON.stringify(settings))
    const env = {
      ...place.env,
      GEMINI_API_KEY: 'lab',
      GOOGLE_GEMINI_BASE_URL: place.model.url,
      GEMINI_TELEMETRY_ENABLED: 'false',
      GEMINI_CLI_TRUST_WORKSPACE: 'true',
      GEMINI_CLI_NO_RELAUNCH: 'true',
    }
    const args = ['--approval-mode', 'yolo', '--model', 'gemini-2.5-flash', '-p', 'Go.']
    const running = start(join(place.installed, 'node_modules/.bin/gemini'), args, { cwd: place.work, env })
    return led(place, running, (offered, tool) => offered === `mcp_gatehouse_${tool}` || offered === tool)
  },
}

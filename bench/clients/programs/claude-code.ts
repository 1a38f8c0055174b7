/** Claude Code: headless, with its settings in a folder of its own. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { start } from '../../outside/processes.ts'
import { configuration } from '../configuration.ts'
import type { Program } from '../program.ts'
import { led } from './led.ts'

export const claudeCode: Program = {
  name: 'claude-code',
  packages: ['@anthropic-ai/claude-code@2.1.332'],
  folder: 'claude-code',
  sessions: 'auto',
  start: async (place) => {
    const config = join(place.work, '.mcp.json')
    await writeFile(config, JSON.stringify(await configuration('claude-code', place)))
    const env = {
      ...place.env,
      ANTHROPIC_BASE_URL: place.model.url,
      ANTHROPIC_API_KEY: 'sk-ant-lab',
      CLAUDE_CONFIG_DIR: join(place.home, '.claude'),
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_TELEMETRY: '1',
      DISABLE_ERROR_REPORTING: '1',
      DISABLE_AUTOUPDATER: '1',
      // Every tool is offered at once, so that the script can call each.
      ENABLE_TOOL_SEARCH: 'false',
    }
    const args = [
      '-p',
      'Go.',
      '--mcp-config',
      config,
      '--strict-mcp-config',
      '--allowedTools',
      'mcp__gatehouse',
    ]
    const running = start(join(place.installed, 'node_modules/.bin/claude'), args, { cwd: place.work, env })
    return led(place, running, (offered, tool) => offered === `mcp__gatehouse__${tool}`)
  },
}

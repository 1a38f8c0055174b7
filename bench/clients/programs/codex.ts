/** Codex: `exec`, one turn, with its settings in a folder of its own. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { start } from '../../outside/processes.ts'
import { configurationText } from '../configuration.ts'
import type { Program } from '../program.ts'
import { led } from './led.ts'

export const codex: Program = {
  name: 'codex',
  packages: ['@openai/codex@0.171.0'],
  folder: 'codex',
  sessions: 'auto',
  start: async (place) => {
    const home = join(place.home, '.codex')
    await mkdir(home, { recursive: true })
    const settings = [
      'model = "stub"',
      'model_provider = "stub"',
      'approval_policy = "never"',
      'sandbox_mode = "read-only"',
      'check_for_update_on_startup = false',
      '[analytics]',
      'enabled = false',
      '[model_providers.stub]',
      'name = "stub"',
      `base_url = "${place.model.url}/v1"`,
      'wire_api = "responses"',
      'requires_openai_auth = false',
      '',
      await configurationText('codex', place),
      'default_tools_approval_mode = "approve"',
    ]
    await writeFile(join(home, 'config.toml'), settings.join('\n'))
    const env = { ...place.env, CODEX_HOME: home }
    const args = ['exec', '--skip-git-repo-check', '--json', 'Go.']
    const running = start(join(place.installed, 'node_modules/.bin/codex'), args, { cwd: place.work, env })
    return led(
      place,
      running,
      (offered, tool) => /^mcp__gatehouse(__|::|__::)/.test(offered) && offered.endsWith(tool),
    )
  },
}

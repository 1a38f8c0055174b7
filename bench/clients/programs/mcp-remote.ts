/** mcp-remote: a server on standard input and output for clients that know no other, and a client of the gateway. */
import { join } from 'node:path'
import { start } from '../../outside/processes.ts'
import type { Connected, Program, Shown } from '../program.ts'
import { stdioClient } from '../stdio-client.ts'

export const mcpRemote: Program = {
  name: 'mcp-remote',
  packages: ['mcp-remote@0.15.1'],
  folder: 'mcp-remote',
  sessions: 'auto',
  start: async ({ installed, work, url, token, env, home }): Promise<Connected> => {
    const args = [
      url,
      '--header',
      `Authorization:Bearer ${token}`,
      '--allow-http',
      '--transport',
      'http-only',
    ]
    const more = { ...env, MCP_REMOTE_CONFIG_DIR: join(home, '.mcp-auth') }
    const running = start(join(installed, 'node_modules/.bin/mcp-remote'), args, {
      cwd: work,
      env: more,
      isFed: true,
    })
    const client = stdioClient(running)
    await client.initialize()
    return {
      list: async () => {
        const { tools } = (await client.request('tools/list', {})) as { tools: { name: string }[] }
        return tools.map(({ name }) => name)
      },
      call: async (name, args = {}): Promise<Shown> => {
        const result = (await client.request('tools/call', { name, arguments: args })) as {
          isError?: boolean
          content: { text?: string }[]
        }
        return {
          text: result.content.map(({ text = '' }) => text).join('\n'),
          isError: result.isError ?? false,
        }
      },
      output: running.output,
      stop: running.stop,
    }
  },
}

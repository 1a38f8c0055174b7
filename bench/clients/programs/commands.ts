/** Programs of the command line: a process for each command. What they print is what is looked at. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { endLeftBehind, run } from '../../outside/processes.ts'
import { configuration } from '../configuration.ts'
import type { Connected, Place, Program, Shown } from '../program.ts'

const COMMAND_MS = 45_000

/** Runs one command; what it printed so far is kept for the report. */
function commands(place: Place, binary: string) {
  let all = ''
  const command = async (args: readonly string[]) => {
    const path = join(place.installed, 'node_modules/.bin', binary)
    const done = await run(path, args, { cwd: place.work, env: place.env }, COMMAND_MS)
    all += done.output
    return done
  }
  return { command, output: () => all }
}

/** The process that mcpc keeps for its session. */
async function bridgeOf({ home }: Place): Promise<number | null> {
  try {
    const text = await readFile(join(home, '.mcpc/sessions.json'), 'utf8')
    const { sessions } = JSON.parse(text) as { sessions: Record<string, { pid?: number }> }
    return sessions['@lab']?.pid ?? null
  } catch {
    return null
  }
}

const bearer = ({ token }: Place) => `Authorization: Bearer ${token}`

/** The names in a list of tools, wherever in the document it stands. */
function toolNames(text: string): string[] {
  const { tools = [] } = JSON.parse(text) as { tools?: { name: string }[] }
  return tools.map(({ name }) => name)
}

/** A tool's result as JSON; a text that is none is what the program says in its own words. */
function shown({ code, stdout, output }: { code: number | null; stdout: string; output: string }): Shown {
  try {
    const result = JSON.parse(stdout) as { isError?: boolean }
    return { text: textsOf(result), isError: result.isError ?? false }
  } catch {
    if (code !== 0 && stdout.trim() === '') throw new Error(output.trim().slice(-1_000))
    return { text: stdout, isError: code === 0 ? null : true }
  }
}

/** What it shows of a result: every text and the structure, as they stand there. */
function textsOf(result: object): string {
  const { content = [], structuredContent } = result as {
    content?: { text?: string }[]
    structuredContent?: unknown
  }
  const structure = structuredContent === undefined ? [] : [JSON.stringify(structuredContent)]
  return [...content.map(({ text = '' }) => text), ...structure].join('\n')
}

export const inspector: Program = {
  name: 'inspector',
  packages: ['@modelcontextprotocol/inspector@2.12.0'],
  folder: 'inspector',
  sessions: 'one',
  start: async (place): Promise<Connected> => {
    const { command, output } = commands(place, 'mcp-inspector')
    const base = ['--cli', place.url, '--transport', 'http', '--header', bearer(place)]
    return {
      list: async () => toolNames((await command([...base, '--method', 'tools/list'])).stdout),
      call: async (tool, args = {}) => {
        const given = Object.entries(args).flatMap(([name, value]) => [
          '--tool-arg',
          `${name}=${String(value)}`,
        ])
        return shown(await command([...base, '--method', 'tools/call', '--tool-name', tool, ...given]))
      },
      output,
      stop: async () => {},
    }
  },
}

export const mcporter: Program = {
  name: 'mcporter',
  packages: ['mcporter@0.12.3'],
  folder: 'mcporter',
  sessions: 'one',
  start: async (place): Promise<Connected> => {
    const { command, output } = commands(place, 'mcporter')
    await mkdir(join(place.work, 'config'))
    const file = join(place.work, 'config/mcporter.json')
    await writeFile(file, JSON.stringify(await configuration('mcporter', place)))
    return {
      list: async () => toolNames((await command(['--config', file, 'list', 'gatehouse', '--json'])).stdout),
      call: async (tool, args = {}) => {
        const given = JSON.stringify(args)
        return shown(
          await command(['--config', file, 'call', `gatehouse.${tool}`, '--args', given, '--output', 'raw']),
        )
      },
      output,
      stop: async () => {},
    }
  },
}

export const mcpc: Program = {
  name: 'mcpc',
  packages: ['@apify/mcpc@0.2.6'],
  folder: 'mcpc',
  sessions: 'auto',
  start: async (place): Promise<Connected> => {
    const { command, output } = commands(place, 'mcpc')
    const connected = await command(['connect', place.url, '@lab', '--header', bearer(place)])
    if (connected.code !== 0) throw new Error(connected.output.trim())
    return {
      list: async () => {
        const tools = JSON.parse((await command(['--json', '@lab', 'tools-list'])).stdout) as unknown
        return toolNames(JSON.stringify(Array.isArray(tools) ? { tools } : tools))
      },
      call: async (tool, args = {}) =>
        shown(await command(['--json', '@lab', 'tools-call', tool, JSON.stringify(args)])),
      output,
      stop: async () => {
        // The process that it leaves behind for each session ends when it is told, or by the id that it wrote down.
        const pid = await bridgeOf(place)
        await command(['@lab', 'close'])
        if (pid !== null) endLeftBehind(pid)
      },
    }
  },
}

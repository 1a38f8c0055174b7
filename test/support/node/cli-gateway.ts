/** The command line against a gateway, and everything that it asks of it. */
import { sendRequest } from '../../../src/cli/kit/io.ts'
import type { HttpRequest } from '../../../src/cli/kit/outcome.ts'
import type { Printed } from '../../../src/cli/run.ts'
import { ROOT_TOKEN } from './admin-api.ts'
import { type Files, gatehouse, type WorldOptions } from './cli.ts'

export interface CliAt {
  /** Runs a command line: words between spaces, `'…'` around those that hold some. */
  (line: string, files?: Files, options?: WorldOptions): Promise<Printed>
  /** The same with `--json`: the exit code and what was printed. */
  json(line: string, files?: Files): Promise<{ code: number; data: Record<string, unknown> }>
  /** Every request so far. */
  readonly requests: HttpRequest[]
}

/** A wait of a command takes no longer, so that no test does. */
const MOST_WAIT_MS = 100

/** The command line of somebody who works with one tenant. */
export function cliAt(url: string, tenant: string, token = ROOT_TOKEN): CliAt {
  const requests: HttpRequest[] = []
  const run = (line: string, files: Files = {}, options: WorldOptions = {}) =>
    gatehouse(wordsOf(line), files, {
      // The gateway takes its time.
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, MOST_WAIT_MS))),
      ...options,
      variables: {
        GATEHOUSE_URL: url,
        GATEHOUSE_TOKEN: token,
        GATEHOUSE_TENANT: tenant,
        ...options.variables,
      },
      send: async (request) => {
        requests.push(request)
        return (options.send ?? sendRequest)(request)
      },
    })
  const json: CliAt['json'] = async (line, files) => {
    const { code, out } = await run(`${line} --json`, files)
    return { code, data: JSON.parse(out) as Record<string, unknown> }
  }
  return Object.assign(run, { requests, json })
}

export function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
}

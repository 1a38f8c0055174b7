/** A gateway on this machine: its settings, where it is, and what is to be done once it answers. */
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { isObject } from '../../base/json.ts'
import { isLoopbackBind } from '../../base/loopback.ts'
import { DEMO_TOKEN } from '../../demo/token.ts'

/** The port and address that wrangler.toml sets under [dev]. */
export const PORT = '8787'
export const IP = '127.0.0.1'

export const READY_WITHIN_MS = 120_000
const AGAIN_MS = 250
const PATIENCE_MS = 5_000

/** Makes `.dev.vars` from the example that is under version control, unless the developer has one. */
export function makeVars(folder: string): void {
  const vars = join(folder, '.dev.vars')
  if (!existsSync(vars)) copyFileSync(join(folder, '.dev.vars.example'), vars)
}

/**
 * Says why the gateway may not be bound to these addresses; null where it may. With the demo's tokens, which everybody knows, it is for this
 * machine alone; and another machine that reaches it can say that it is this one.
 * @param files settings that wrangler may read; those that are not there count for nothing
 */
export function bindProblem(ips: readonly string[], files: readonly string[]): string | null {
  const open = ips.find((ip) => !isLoopbackBind(ip))
  if (open === undefined) return null
  const file = files.find((it) => existsSync(it) && parseEnv(readFileSync(it, 'utf8')).DEMO === 'true')
  return file === undefined
    ? null
    : `--ip ${open} lets other machines reach this gateway, and DEMO is "true" in ${file}, so its tokens are known to all. ` +
        'Take DEMO out of that file, or leave --ip out.'
}

/** Its address, from the options `--ip` and `--port` of `wrangler dev`. */
export function localAddress(ip: string = IP, port: string = PORT): string {
  // An address of every interface is none to connect to.
  const host = ['0.0.0.0', '*', '::'].includes(ip) ? IP : ip
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/**
 * Waits until the gateway answers, and says in three lines where it is, with which token, and what to do next; or why it
 * serves nobody.
 * @param untilMs Unix milliseconds
 */
export async function nextSteps(url: string, untilMs: number): Promise<readonly string[]> {
  while (Date.now() < untilMs) {
    const health = await asked(`${url}/healthz`)
    if (health !== null) return linesOf(url, health)
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
  return [`The gateway has not answered at ${url} yet: see what wrangler prints above.`]
}

async function linesOf(url: string, health: { status: number; body: unknown }): Promise<readonly string[]> {
  if (health.status !== 200) {
    const detail = isObject(health.body) ? String(health.body.detail) : `HTTP ${health.status}`
    return [`The gateway serves nobody: ${detail}`]
  }
  const demo = await asked(`${url}/dev/demo`)
  if (demo?.status !== 200)
    return told(
      url,
      'none yet: DEMO is not "true" in .dev.vars',
      'docs/administration.md: make a tenant and a grant; it takes a ROOT_TOKEN and ENCRYPTION_KEYS in .dev.vars',
    )
  const lacks = isObject(demo.body) ? demo.body.lacks : null
  return told(
    url,
    DEMO_TOKEN,
    typeof lacks === 'string'
      ? `docs/how-to/first-policy.md: a server and a policy of yours; npm run demo cannot run here: ${lacks}`
      : `npm run demo -- ${url}, in a second terminal; or docs/clients.md for a client of yours`,
  )
}

function told(url: string, token: string, next: string): readonly string[] {
  return [`URL:   ${url}/mcp`, `Token: ${token}`, `Next:  ${next}`]
}

/** Null where nobody answers yet. */
async function asked(url: string): Promise<{ status: number; body: unknown } | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) })
    return { status: response.status, body: await response.json().catch(() => null) }
  } catch {
    return null
  }
}

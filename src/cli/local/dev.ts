#!/usr/bin/env node
/**
 * `npm run dev`: makes what a gateway needs on this machine, starts `wrangler dev`, and ends with three lines that say
 * where it is, with which token, and what to do next. Words after `--` go to wrangler; `--persist-to` holds for the
 * tables of the audit trail, too.
 */
import { spawn, spawnSync } from 'node:child_process'
import { argv, exit, stderr, stdout } from 'node:process'
import { parseArgs } from 'node:util'
import { bindProblem, localAddress, makeVars, nextSteps, READY_WITHIN_MS } from './gateway.ts'
import { devHelp } from './help.ts'

const words = argv.slice(2)
const { values } = parseArgs({
  args: words,
  options: {
    'persist-to': { type: 'string' },
    port: { type: 'string' },
    ip: { type: 'string', multiple: true },
    env: { type: 'string', short: 'e' },
    'env-file': { type: 'string', multiple: true },
    help: { type: 'boolean', short: 'h' },
  },
  strict: false,
  allowPositionals: true,
})
type Value = string | boolean | readonly (string | boolean)[] | undefined
const texts = (value: Value) => [value ?? []].flat().map(String)
const text = (value: Value) => texts(value).at(-1)

if (values.help === true) {
  stdout.write(`${devHelp.join('\n')}\n`)
  exit(0)
}

// No account, no network, no questions.
const env = {
  ...process.env,
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
}

makeVars('.')

const settings = [
  '.dev.vars',
  ...texts(values.env).map((it) => `.dev.vars.${it}`),
  ...texts(values['env-file']),
]
const problem = bindProblem(texts(values.ip), settings)
if (problem !== null) {
  stderr.write(`${problem}\n`)
  exit(1)
}

const state = text(values['persist-to'])
const persisted = state === undefined ? [] : ['--persist-to', state]
const tables = spawnSync('wrangler', ['d1', 'migrations', 'apply', 'AUDIT_DB', '--local', ...persisted], {
  env,
  // Without a terminal it does not ask.
  stdio: ['ignore', 'pipe', 'pipe'],
  encoding: 'utf8',
})
if (tables.status !== 0) {
  stderr.write(tables.error === undefined ? tables.stdout + tables.stderr : `${tables.error.message}\n`)
  stderr.write('The tables of the audit trail could not be made: see above.\n')
  exit(tables.status ?? 1)
}

const gateway = spawn('wrangler', ['dev', ...words], { env, stdio: 'inherit' })
gateway.on('error', (error) => {
  stderr.write(`wrangler could not be started: ${error.message}\n`)
  exit(1)
})
gateway.on('exit', (code, signal) => exit(code ?? (signal === 'SIGINT' ? 130 : 1)))
// At a terminal the gateway has the signal already, as all of the group; another program sends it here alone.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => gateway.kill(signal))

const url = localAddress(text(values.ip), text(values.port))
const lines = await nextSteps(url, Date.now() + READY_WITHIN_MS)
// Behind what wrangler prints of being ready and of being asked.
await new Promise((resolve) => setTimeout(resolve, 300))
stdout.write(`\n${lines.map((line) => `${line}\n`).join('')}`)

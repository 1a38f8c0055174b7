/**
 * Bridges of others, which somebody may put before an upstream server instead: installed into a temporary folder and run as their pages
 * say. None of them has a policy, limits, or an audit trail.
 */
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectAgent } from '../../test/support/node/mcp-agent.ts'
import { steadyPort } from '../../test/support/node/steady-port.ts'
import { until } from '../../test/support/node/until.ts'
import { install } from '../outside/install.ts'
import { bareEnvironment, start } from '../outside/processes.ts'
import { plainSubject, type Subject } from './subjects.ts'

const READY_MS = 30_000

interface Peer {
  /** With its version. */
  readonly pinned: string
  /** Packages to install beside it, as its page says. */
  readonly besides: readonly string[]
  /** The arguments of Node. */
  readonly args: (port: number, upstream: string, folder: string) => readonly string[]
}

const peers: readonly Peer[] = [
  {
    pinned: 'mcp-proxy@6.7.19',
    besides: ['@modelcontextprotocol/client@2.4.0', '@modelcontextprotocol/server@2.4.0'],
    args: (port, upstream) => ['mcp-proxy.mjs', String(port), upstream],
  },
  {
    pinned: 'fastmcp@4.20.16',
    besides: ['@modelcontextprotocol/sdk@1.32.2', 'zod@4.6.7'],
    args: (port, upstream) => ['fastmcp.mjs', String(port), upstream],
  },
  {
    // It has no way from HTTP to HTTP: one process of it speaks stdio with another one.
    pinned: 'supergateway@4.0.0',
    besides: [],
    args: (port, upstream, folder) => {
      const program = join(folder, 'node_modules/supergateway/dist/index.js')
      const inner = `${process.execPath} ${program} --streamableHttp ${upstream} --logLevel none`
      return [
        program,
        ...['--stdio', inner, '--outputTransport', 'streamableHttp', '--stateful'],
        ...['--port', String(port), '--logLevel', 'none'],
      ]
    },
  },
]

/** A peer that runs, and its process; what that has started counts with it. */
export interface RunningPeer {
  readonly subject: Subject
  readonly pid: number
}

/** Installs and starts all of them before an upstream. They stop, and their folders go, in `stops`. */
export async function startPeers(
  upstreamUrl: string,
  stops: (() => Promise<void>)[],
): Promise<readonly RunningPeer[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-peers-'))
  stops.push(() => rm(folder, { recursive: true, force: true }))
  const upstream = new URL('/mcp', upstreamUrl).href
  const running: RunningPeer[] = []
  for (const peer of peers) running.push(await startPeer(peer, upstream, folder, stops))
  return running
}

async function startPeer(
  { pinned, besides, args }: Peer,
  upstream: string,
  folder: string,
  stops: (() => Promise<void>)[],
): Promise<RunningPeer> {
  // Each in a folder of its own, with the versions that it asks for itself.
  const own = join(folder, pinned)
  await install(own, [pinned, ...besides])
  stops.push(() => rm(`${own}-home`, { recursive: true, force: true }))
  for (const script of ['mcp-proxy.mjs', 'fastmcp.mjs'])
    await copyFile(fileURLToPath(new URL(`peers/${script}`, import.meta.url)), join(own, script))
  const port = await steadyPort()
  const process_ = start(process.execPath, args(port, upstream, own), {
    cwd: own,
    env: bareEnvironment(`${own}-home`),
  })
  stops.push(() => process_.stop())
  const url = `http://127.0.0.1:${port}`
  let failure = ''
  const answers = async () => {
    try {
      const agent = await connectAgent('session', `${url}/mcp`)
      return (await agent.call('echo', { text: 'ready' })).text === 'ready'
    } catch (error) {
      failure = String(error)
      return false
    }
  }
  await until(`${pinned} answers`, answers, READY_MS).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${failure}\n${process_.output()}`)
  })
  const subject = { ...(await plainSubject('peer', url, 'session')), name: pinned }
  return { subject, pid: process_.child.pid ?? 0 }
}

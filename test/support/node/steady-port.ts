/** Ports that stay ours while nothing listens on them. */
import { createServer } from 'node:net'

/**
 * Below 32768, where the systems that we run on begin to take ports for outgoing connections: a port from that
 * range could be taken by a stranger while the server that owns it is down, or even connect to itself.
 */
const LOWEST = 20_000
const HIGHEST = 32_000
const MOST_ATTEMPTS = 50

/** A loopback port that nothing listens on, and that stays free while its owner is stopped and started. */
export async function steadyPort(): Promise<number> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))
    if (await isFree(port)) return port
  }
  throw new Error(`no free port in ${MOST_ATTEMPTS} attempts`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** A tenant for proofs at a gateway that runs: a healthy server, and for each lane a server that lies. */
import { type AdminApi, adminApi } from '../support/node/admin-api.ts'
import { type Liar, startLiar } from './liar.ts'

export interface World {
  readonly gatewayUrl: string
  readonly admin: AdminApi
  readonly liar: Liar
  readonly healthy: Liar
  /** The token of a grant that reaches the healthy server and the liar of a lane. */
  token(lane: number): Promise<string>
  stop(): Promise<void>
}

/** The shortest that a server's document can say: a lie that hangs is to cost a second. */
const HASTY = { response_seconds: 1, idle_seconds: 1, call_seconds: 2 }

/** Of a server that does not lie: how busy the machine is must not matter. */
const PATIENT = { response_seconds: 30, idle_seconds: 30, call_seconds: 60, list_seconds: 60 }
/** It is asked every time, however often it has failed. */
const STAUNCH = { failures: 1_000, open_seconds: 1 }

export function liarOf(lane: number): string {
  return `liar-${lane}`
}

export interface WorldOptions {
  /** Of the servers; `echo` and `drop` where none are named. */
  readonly tools?: readonly string[]
  /** Nobody is going to lie, so nothing is cut short. */
  readonly isHonest?: boolean
}

export async function startProofWorld(
  gatewayUrl: string,
  tenant: string,
  policy: unknown,
  { tools, isHonest = false }: WorldOptions = {},
): Promise<World> {
  const [liar, healthy] = await Promise.all([startLiar('liar', tools), startLiar('healthy', tools)])
  const stop = async () => {
    await Promise.all([liar.stop(), healthy.stop()])
  }
  try {
    const admin = adminApi(gatewayUrl, tenant)
    await admin.putTenant()
    await admin.putPolicy('proof', policy)
    await admin.putServer('healthy', { url: healthy.url(0), breaker: STAUNCH, timeouts: PATIENT })
    const token = async (lane: number) => {
      const name = liarOf(lane)
      const timeouts = isHonest ? PATIENT : HASTY
      await admin.putServer(name, { url: liar.url(lane), timeouts, breaker: STAUNCH })
      return admin.putGrant(name, { policy: 'proof', servers: ['healthy', name] })
    }
    return { gatewayUrl, admin, liar, healthy, token, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

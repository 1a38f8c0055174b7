/** The client of a forwarded request: its era, and what it said of itself, which the upstream is told. PURE. */
import type { Era } from '../gateway/message.ts'
import type { Admitted } from '../principal/contract.ts'
import { isObject } from '../upstream/rpc.ts'
import { gatewayProfile } from '../upstream/session.ts'

export const metaKeys = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
} as const

export interface Client {
  readonly era: Era
  readonly protocolVersion: string
  readonly capabilities: Readonly<Record<string, unknown>>
  readonly clientInfo: Readonly<Record<string, unknown>>
}

/** The client of a session, as it introduced itself with `initialize`; read only where a server is to be told. */
export function sessionClient({ client, session }: Admitted): Client {
  let read: Pick<Client, 'capabilities' | 'clientInfo'> | null = null
  const told = () => {
    read ??= readClient(client)
    return read
  }
  return {
    era: 'session',
    protocolVersion: session?.protocolVersion ?? gatewayProfile.protocolVersion,
    get capabilities() {
      return told().capabilities
    },
    get clientInfo() {
      return told().clientInfo
    },
  }
}

/** The client of a stateless request, from the envelope in its `_meta`. */
export function statelessClient(params: unknown): Client {
  const meta = isObject(params) && isObject(params._meta) ? params._meta : {}
  const { [metaKeys.clientCapabilities]: capabilities, [metaKeys.clientInfo]: clientInfo } = meta
  return {
    era: 'stateless',
    protocolVersion: String(meta[metaKeys.protocolVersion] ?? ''),
    capabilities: isObject(capabilities) ? capabilities : {},
    clientInfo: isObject(clientInfo) ? clientInfo : gatewayProfile.clientInfo,
  }
}

function readClient(text: string | null): Pick<Client, 'capabilities' | 'clientInfo'> {
  const value: unknown = text === null ? null : JSON.parse(text)
  const { capabilities, clientInfo } = isObject(value) ? value : {}
  return {
    capabilities: isObject(capabilities) ? capabilities : {},
    clientInfo: isObject(clientInfo) ? clientInfo : gatewayProfile.clientInfo,
  }
}

/** The params of `initialize` in the client's name. */
export function profileOf({
  era,
  protocolVersion,
  capabilities,
  clientInfo,
}: Client): Record<string, unknown> {
  return {
    protocolVersion: era === 'session' ? protocolVersion : gatewayProfile.protocolVersion,
    capabilities,
    clientInfo,
  }
}

/**
 * Whose upstream session it is: the gateway session's own (null), or, in the stateless era, one for all requests of
 * the principal that declare the same capabilities, because those are fixed when a session opens.
 */
export function ownerOf({ era, capabilities }: Client): string | null {
  return era === 'session' ? null : `stateless:${fingerprint(JSON.stringify(capabilities))}`
}

/** FNV-1a, 32 bits. Collisions within one principal would only share a session of its own. */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
  return hash.toString(16).padStart(8, '0')
}

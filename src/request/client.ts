/** The client of a forwarded request: its era, and its introduction, which the upstream gets. PURE. */

import { isObject } from '../base/json.ts'
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
} from '../base/protocol.ts'
import type { Era } from '../base/revisions.ts'
import type { Admitted } from '../contract/principal.ts'
import { gatewayProfile } from '../upstream/session.ts'
import { capabilitiesWithoutTasks } from './tasks.ts'

export interface Client {
  readonly era: Era
  readonly protocolVersion: string
  readonly capabilities: Readonly<Record<string, unknown>>
  readonly clientInfo: Readonly<Record<string, unknown>>
}

/** Returns the client of a transport, as it introduced itself with `initialize`; read only where a server is to get it. */
export function sessionClient({ client, protocolVersion }: Admitted): Client {
  let read: Pick<Client, 'capabilities' | 'clientInfo'> | null = null
  const introduction = () => {
    read ??= readClient(client)
    return read
  }
  return {
    era: 'session',
    protocolVersion: protocolVersion ?? gatewayProfile.protocolVersion,
    get capabilities() {
      return introduction().capabilities
    },
    get clientInfo() {
      return introduction().clientInfo
    },
  }
}

/** The client of a stateless request, from the envelope in its `_meta`. */
export function statelessClient(params: unknown): Client {
  const meta = isObject(params) && isObject(params._meta) ? params._meta : {}
  const { [CLIENT_CAPABILITIES_META_KEY]: capabilities, [CLIENT_INFO_META_KEY]: clientInfo } = meta
  return {
    era: 'stateless',
    protocolVersion: String(meta[PROTOCOL_VERSION_META_KEY] ?? ''),
    capabilities: isObject(capabilities) ? capabilitiesWithoutTasks(capabilities) : {},
    clientInfo: isObject(clientInfo) ? clientInfo : gatewayProfile.clientInfo,
  }
}

function readClient(text: string | null): Pick<Client, 'capabilities' | 'clientInfo'> {
  const value: unknown = text === null ? null : JSON.parse(text)
  const { capabilities, clientInfo } = isObject(value) ? value : {}
  return {
    capabilities: isObject(capabilities) ? capabilitiesWithoutTasks(capabilities) : {},
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
    capabilities: era === 'session' ? capabilities : askableOnly(capabilities),
    clientInfo,
  }
}

/**
 * Returns the owner of the client's upstream sessions: the transport (null), or, in the stateless era, one key for all requests of the
 * principal whose client can be asked the same, because that is fixed when a session opens.
 */
export function ownerOf({ era, capabilities }: Client): string | null {
  return era === 'session' ? null : `stateless:${whatCanBeAsked(capabilities).join()}`
}

/** Returns the capabilities by which a server may ask the client, in a fixed order. A bare `elicitation` means forms. */
function whatCanBeAsked({ elicitation, sampling, roots }: Client['capabilities']): string[] {
  const forms = isObject(elicitation) && (isObject(elicitation.form) || elicitation.url === undefined)
  const urls = isObject(elicitation) && isObject(elicitation.url)
  const samples = isObject(sampling)
  return [
    ...(forms ? ['form'] : []),
    ...(urls ? ['url'] : []),
    ...(samples ? ['sampling'] : []),
    ...(samples && isObject(sampling.tools) ? ['tools'] : []),
    ...(samples && isObject(sampling.context) ? ['context'] : []),
    ...(isObject(roots) ? ['roots'] : []),
  ]
}

/** Returns those alone as capabilities, so that the first client does not decide what the others share. */
function askableOnly(capabilities: Client['capabilities']): Record<string, unknown> {
  const can = new Set(whatCanBeAsked(capabilities))
  const some = (...names: string[]) =>
    Object.fromEntries(names.filter((name) => can.has(name)).map((name) => [name, {}]))
  return {
    ...(can.has('form') || can.has('url') ? { elicitation: some('form', 'url') } : {}),
    ...(can.has('sampling') ? { sampling: some('tools', 'context') } : {}),
    ...(can.has('roots') ? { roots: {} } : {}),
  }
}

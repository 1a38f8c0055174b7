/** A call of a tool as the gateway's servers list it: the names that rules may use for it, and what it says of itself. */
import { isObject } from '../../base/json.ts'
import { type ServerTools, standingOf, toolsOf } from '../../policy/known-tools.ts'
import type { Call } from '../../policy/model.ts'
import { describeValue } from '../../policy/problem.ts'
import { calledAs } from '../kit/called.ts'
import { type Api, part } from './api.ts'
import { mistaken } from './command.ts'
import { gatewayTools } from './gateway-tools.ts'

type Called = Pick<Call, 'tool' | 'alias' | 'annotations'>

/**
 * Finds the tool that an agent calls as `name`: the name in `/mcp`, or that in `/mcp/<server>` where one server alone has such a tool.
 *
 * @throws Ended where no server has it, or several have
 */
export async function calledAtGateway(api: Api, name: string): Promise<Called> {
  const servers = (await gatewayTools(api)) ?? []
  const all = servers.flatMap((server) => (server.tools ?? []).map((tool) => ({ server, tool })))
  const full = all.filter(({ tool }) => tool.names[0] === name || tool.shownAs === name)
  const meant = full.length > 0 ? full : all.filter(({ tool }) => tool.names.includes(name))
  const [only, ...others] = meant
  if (only === undefined) return unlisted(api, servers, name)
  if (others.length > 0)
    throw mistaken(api, {
      found: `the tool ${describeValue(name)} of ${meant.length} servers`,
      allowed: meant.map(({ tool }) => tool.names[0]).join(', '),
    })
  const [tool = name, alias] = only.tool.names
  const called = alias === undefined ? { tool } : { tool, alias }
  return only.server.isNative ? called : { ...called, ...(await annotationsOf(api, only.server.name, tool)) }
}

/** Where the servers' lists are known, nobody can call such a tool; a server that was never listed may have it. */
function unlisted(api: Api, servers: readonly ServerTools[], name: string): Called {
  const standing = standingOf(toolsOf(servers), name)
  if (standing.kind === 'unchecked' || standing.kind === 'fine') return calledAs(name)
  throw mistaken(api, {
    found: `the tool ${describeValue(name)}, which no server of the tenant has`,
    allowed: 'a tool that is known: gatehouse server tools NAME',
    nearest: standing.meant,
  })
}

async function annotationsOf(api: Api, server: string, tool: string): Promise<Pick<Call, 'annotations'>> {
  const { items } = (await api.get(`/servers/${part(server)}/tools`)).body
  const own = tool.slice(`${server}__`.length)
  const found = (Array.isArray(items) ? items : []).find((it) => isObject(it) && it.name === own)
  return isObject(found) && isObject(found.annotations)
    ? { annotations: found.annotations as Record<string, unknown> }
    : {}
}

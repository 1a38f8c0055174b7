/** The administration API's tools: everything that a policy of the tenant can name, as far as it is known. */

import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import type { Env } from '../contract/env.ts'
import type { ToolSchemas } from '../contract/tenant.ts'
import { whyOff } from '../deployment/native-servers.ts'
import { aliasOf, exposedName } from '../names/tools.ts'
import { object } from '../policy/fragments.ts'
import { type KnownTool, type ServerTools, toolsOf } from '../policy/known-tools.ts'
import { nativeTools } from '../servers/catalogue.ts'
import { answer, type Route, route } from './route.ts'

const serverSchema = lazy(() =>
  z.object({
    name: z.string(),
    off: z
      .string()
      .nullable()
      .describe(
        'Why the deployment does not have this native server, whose names are reserved all the same; null: it has',
      ),
    native: z.boolean().describe('It is the gateway’s own: policies name its tools by their names alone'),
    tools: z
      .array(
        z.object({
          names: z.array(z.string()).describe('As policies may name it, the fullest first'),
          shown_as: z
            .string()
            .nullable()
            .describe('As /mcp lists it, where policies name it otherwise, for it does not fit there'),
          input_schema: z.unknown(),
        }),
      )
      .nullable()
      .describe('null: they are not known, for it was never listed, or lists too much to keep'),
  }),
)

export const toolRoutes = lazy((): readonly Route[] => [
  route(
    {
      method: 'GET',
      path: '/api/v1/tenants/:tenant/tools',
      role: 'viewer',
      summary: 'The tools that policies are checked against, as they were last listed; asks no server',
      beforeTenant: (query) => query.before_tenant === 'true',
      query: object({
        before_tenant: z
          .enum(['true', 'false'])
          .default('false')
          .describe('true: root gets the native servers also where there is no tenant yet, and no 404'),
      }),
      answers: {
        200: answer('All servers, each with its tools', z.object({ servers: z.array(serverSchema()) })),
      },
    },
    async ({ object: tenant, env }) => {
      const all = serverTools(await tenant.toolSchemas(), env)
      const servers = all.map(({ name, isNative, off = null, tools }) => ({
        name,
        native: isNative,
        off,
        tools:
          tools?.map(({ names, shownAs, schema }) => ({
            names: [...names],
            shown_as: shownAs,
            input_schema: schema,
          })) ?? null,
      }))
      return Response.json({ servers } satisfies { servers: z.output<ReturnType<typeof serverSchema>>[] })
    },
  ),
])

/** The tools that a policy of the tenant can name: native tools, and upstream ones under both of their names. */
export function knownTools(schemas: ToolSchemas, env: Env) {
  return toolsOf(serverTools(schemas, env))
}

function serverTools({ toolsJson, servers }: ToolSchemas, env: Env): ServerTools[] {
  const tools = new Map<string, KnownTool[]>(servers.map(({ name }) => [name, []]))
  const renamed = new Map(servers.map((it) => [it.name, it.renamed]))
  for (const [server, tool, schema] of JSON.parse(toolsJson) as [string, string, unknown][]) {
    const full = `${server}__${tool}`
    const bare = aliasOf(tool)
    const exposed = exposedName(server, tool, renamed.get(server) ?? {})
    tools.get(server)?.push({
      names: bare === undefined ? [full] : [full, bare],
      shownAs: exposed === full ? null : exposed,
      schema,
    })
  }
  return [
    ...nativeTools().map(({ server, tools: own }) => ({
      name: server,
      isNative: true,
      off: whyOff(env, server),
      tools: own.map(({ name, inputSchema }) => ({ names: [name], shownAs: null, schema: inputSchema })),
    })),
    ...servers.map(({ name, isListed }) => ({
      name,
      isNative: false,
      tools: isListed ? (tools.get(name) ?? []) : null,
    })),
  ]
}

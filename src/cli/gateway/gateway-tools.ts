/** Asks the gateway for the tools that a policy can name. */
import * as z from 'zod/v4'
import { type KnownTools, nothingKnown, type ServerTools, toolsOf } from '../../policy/known-tools.ts'
import type { Given } from '../kit/arguments.ts'
import { misuse, type Outcome, PROBLEMS, type World } from '../kit/outcome.ts'
import { type Api, Ended, openApi } from './api.ts'
import { readLink } from './link.ts'

const answer = z.object({
  servers: z.array(
    z.object({
      name: z.string(),
      native: z.boolean(),
      // An older gateway leaves out the native servers that its deployment does not have.
      off: z.string().nullable().default(null),
      tools: z
        .array(
          z.object({
            names: z.array(z.string()).min(1),
            shown_as: z.string().nullable(),
            input_schema: z.unknown(),
          }),
        )
        .nullable(),
    }),
  ),
})

/** All servers of the tenant, each with its tools; null where the gateway does not say: it is older than the question. */
export async function gatewayTools(
  api: Pick<Api, 'find'>,
  query: Readonly<Record<string, string>> = {},
): Promise<readonly ServerTools[] | null> {
  const found = await api.find('/tools', query)
  const read = answer.safeParse(found?.body)
  if (!read.success) return null
  return read.data.servers.map(({ name, native, off, tools }) => ({
    name,
    isNative: native,
    off,
    tools:
      tools?.map(({ names, shown_as, input_schema }) => ({
        names,
        shownAs: shown_as,
        schema: input_schema,
      })) ?? null,
  }))
}

/** The same of a tenant that may be made yet: then they are those of the native servers. */
export async function gatewayToolsBefore(api: Pick<Api, 'find'>): Promise<readonly ServerTools[] | null> {
  return (await gatewayTools(api)) ?? gatewayTools(api, { before_tenant: 'true' })
}

/** The tools to check a policy against; none if the gateway is too old to say. */
export async function knownTo(api: Pick<Api, 'find'>): Promise<KnownTools> {
  const servers = await gatewayToolsBefore(api)
  return servers === null ? nothingKnown : toolsOf(servers)
}

/** The same for a command that asks the gateway nothing else. `failed` is what it comes to where there is no answer. */
export async function knownAtGateway(
  command: string,
  given: Given,
  world: World,
): Promise<{ readonly tools: KnownTools } | { readonly failed: Outcome }> {
  const link = readLink(given, world)
  if (!('origin' in link)) return { failed: misuse(command, link) }
  const api = openApi(command, link, world, { reason: null })
  try {
    const servers = await gatewayTools(api)
    if (servers !== null) return { tools: toolsOf(servers) }
  } catch (error) {
    if (error instanceof Ended) return { failed: error.outcome }
    throw error
  }
  const errors = [
    `${command}: there is no tenant ${api.tenant}, or its gateway is too old to say what it knows`,
  ]
  return {
    failed: { code: PROBLEMS, lines: [], errors, data: { errors: errors.map((problem) => ({ problem })) } },
  }
}

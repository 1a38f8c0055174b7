/** One server, asked directly and through the gateway, by a client of each era. */
import type { AdminApi } from '../../test/support/node/admin-api.ts'
import type { SdkClient } from '../../test/support/node/sdk-client.ts'
import { connectSessionEra, connectStatelessEra } from '../../test/support/node/sdk-clients.ts'
import { bare, difference, inEra, withoutPrefix } from './compare.ts'
import type { Difference, Report } from './report.ts'
import type { Call, PublishedServer } from './server.ts'

type Json = Readonly<Record<string, unknown>>

export interface Places {
  /** The server itself. */
  readonly direct: string
  /** The gateway, with everything that the grant reaches. */
  readonly endpoint: string
  readonly token: string
  readonly work: string
  readonly admin: AdminApi
}

/** An answer that can be compared: a result, or the code and message of an error. */
type Answered = { readonly result: Json } | { readonly error: { code: unknown; message: string } }

/** Refused by the gateway itself where it knows the list, so compared is that it is refused. */
const UNKNOWN: Call = { tool: 'no_such_tool', args: {}, isVague: true }

export async function tryServer(
  server: PublishedServer,
  { direct, endpoint, token, work, admin }: Places,
): Promise<Pick<Report, 'eras' | 'tools' | 'compared' | 'differences' | 'notes'>> {
  const { name, headers = {} } = server
  const calls = [...server.calls, UNKNOWN].map(({ tool, args, isVague = false }) => ({
    tool,
    isVague,
    args: JSON.parse(JSON.stringify(args).replaceAll('{work}', work)) as Json,
  }))
  const own = await connectSessionEra(direct, { headers })
  const newest = await connectStatelessEra(direct, { headers })
  const eras = [...new Set([own.protocolVersion, newest.protocolVersion].map(String))]
  const expected = await toolsOf(own)
  const answers = await Promise.all(calls.map(({ tool, args }) => answerOf(own, tool, args)))
  await newest.close()

  const differences: Difference[] = []
  let compared = 0
  for (const [era, connect] of [
    ['session', connectSessionEra],
    ['stateless', connectStatelessEra],
  ] as const) {
    for (const isOne of [true, false]) {
      const at = `${era} era, /mcp${isOne ? `/${name}` : ''}`
      const prefix = isOne ? '' : `${name}__`
      const differs = (what: string, how: string | null) => {
        compared += 1
        if (how !== null) differences.push({ at, what, how })
      }
      let client: SdkClient
      try {
        client = await connect(isOne ? `${endpoint}/${name}` : endpoint, { token })
      } catch (error) {
        differs('connecting', String(error))
        continue
      }
      differs('its era', client.era === era ? null : `it speaks the ${client.era} era`)
      const listed = await toolsOf(client).catch((error: unknown) => String(error))
      differs(
        'tools/list',
        typeof listed === 'string'
          ? listed
          : listDifference(
              inEra(expected, era),
              withoutPrefix(listed, prefix, (await admin.status(name)).names.renamed),
            ),
      )
      for (const [i, { tool, args, isVague }] of calls.entries()) {
        const answer = await answerOf(client, `${prefix}${tool}`, args)
        differs(`${tool} ${JSON.stringify(args)}`, answerDifference(answers[i] as Answered, answer, isVague))
      }
      await client.close()
    }
  }
  await own.close()
  const { names } = await admin.status(name)
  const notes = [
    ...Object.entries(names.renamed).map(([to, from]) => `${from} is listed as ${to}`),
    ...names.left_out.map(({ name: tool, reason }) => `${tool}: ${reason}`),
  ]
  return { eras, tools: expected.length, compared, differences, notes }
}

async function toolsOf(client: SdkClient): Promise<Json[]> {
  const all: Json[] = []
  let cursor: unknown
  do {
    const page = await client.request('tools/list', cursor === undefined ? {} : { cursor })
    all.push(...(page.tools as Json[]))
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return all
}

async function answerOf(client: SdkClient, name: string, args: Json): Promise<Answered> {
  try {
    return { result: bare(await client.request('tools/call', { name, arguments: args })) }
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string }
    return { error: { code, message: message.replace(/^(MCP error -?\d+: )+/, '') } }
  }
}

function listDifference(expected: readonly Json[], listed: readonly Json[]): string | null {
  if (expected.length !== listed.length) return `${expected.length} tools became ${listed.length}`
  for (const [i, tool] of expected.entries()) {
    const at = difference(tool, listed[i])
    if (at !== null) return `${String(tool.name)}${at}: ${valueAt(tool, at)} became ${valueAt(listed[i], at)}`
  }
  return null
}

function answerDifference(expected: Answered, answer: Answered, isVague: boolean): string | null {
  if (isVague && isRefusal(expected) === isRefusal(answer) && !isTimeout(answer)) return null
  const at = difference(expected, answer)
  return at === null ? null : `${at}: ${valueAt(expected, at)} became ${valueAt(answer, at)}`
}

/** That of the client that asks: nothing came. */
function isTimeout(answer: Answered): boolean {
  return 'error' in answer && /timed out/i.test(answer.error.message)
}

function isRefusal(answer: Answered): boolean {
  return 'error' in answer || answer.result.isError === true
}

function valueAt(value: unknown, pointer: string): string {
  const steps = pointer
    .split('/')
    .slice(1)
    .filter((step) => step !== '')
  const found = steps.reduce<unknown>((it, step) => (it as Json | undefined)?.[step], value)
  const text = JSON.stringify(found) ?? 'nothing'
  return text.length > 120 ? `${text.slice(0, 117)}…` : text
}

/** The tools that a policy is checked against: the answer of a server to `tools/list`, kept in a file. */
import * as z from 'zod/v4'
import { type KnownTools, toolsListed } from '../../policy/known-tools.ts'
import { type Misuse, misuse, type Outcome, unreadable, type World } from '../kit/outcome.ts'

const listed = z.object({ tools: z.array(z.object({ name: z.string(), inputSchema: z.unknown() })) })
const answer = z.union([listed, z.object({ result: listed }).transform(({ result }) => result)])

/** Reads the file. `failed` is what the command comes to when that is no such answer. */
export async function knownToolsIn(
  command: string,
  file: string,
  world: World,
): Promise<{ readonly tools: KnownTools } | { readonly failed: Outcome }> {
  const content = await world.read(file)
  if (!content.ok) return { failed: unreadable([{ file, reason: content.reason }]) }
  const read = answer.safeParse(parse(content.bytes))
  if (read.success)
    return {
      tools: toolsListed(new Map(read.data.tools.map(({ name, inputSchema }) => [name, inputSchema]))),
    }
  const problem: Misuse = {
    found: `--tools ${file}, which is something else`,
    allowed: 'the answer of a server to tools/list, as JSON: {"tools": [{"name": …, "inputSchema": …}]}',
  }
  return { failed: misuse(command, [problem]) }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}

/** The names in a policy that say which server they are of. PURE. */
import { split } from '../names/tools.ts'
import { sections } from './compile.ts'
import type { HostedDocument } from './hosted.ts'
import { readKinds } from './model.ts'
import { readKey } from './reading.ts'

/** Tools, and keys of resources and prompts, that are of this server; a name without a server may be of any. */
export function namesOfServer(hosted: HostedDocument, server: string): { tools: string[]; reads: string[] } {
  const tools = [...Object.keys(hosted.tools ?? {}), ...(hosted.hide ?? [])].filter(
    (name) => split(name)?.server === server,
  )
  const reads = readKinds.flatMap((kind) =>
    Object.keys(hosted[sections[kind]] ?? {}).filter((key) => readKey(kind, key)?.server === server),
  )
  return { tools: [...new Set(tools)], reads: [...new Set(reads)] }
}

/**
 * Grants and webhooks that are being made, written down before they are: a token, or a secret, is told once, and a run
 * that dies between making one and printing that would lose it. The next run asks again, with the same `Idempotency-Key`.
 * There is nothing in it but what the folder says already. Each is a file of its own, so that of two runs at once neither
 * forgets what the other is at.
 */
import * as z from 'zod/v4'
import { UNWRITTEN } from '../kit/file-names.ts'
import type { World } from '../kit/outcome.ts'

/** A request for something, exactly as it was sent. */
export interface Unfinished {
  readonly kind: 'grant' | 'webhook'
  readonly name: string
  readonly key: string
  readonly body: unknown
  readonly reason: string | null
}

export interface Journal {
  readonly folder: string
  /** Requests that earlier runs left unfinished, or that other runs are making now. */
  readonly left: readonly Unfinished[]
  /** Writes a request down; why it cannot be written, or null. */
  begin(request: Unfinished): Promise<string | null>
  /** The token or secret of this thing is known, or there is none. */
  settle(kind: Unfinished['kind'], name: string): void
  /** Forgets all settled requests. Call it once their tokens and secrets have been printed. */
  end(): Promise<void>
}

const entry = z.object({
  kind: z.enum(['grant', 'webhook']),
  name: z.string(),
  key: z.string(),
  body: z.unknown(),
  reason: z.string().nullable(),
})
/** As it was before there were webhooks in it: one file for all. */
const olderFile = z.array(
  z
    .object({ grant: z.string(), key: z.string(), body: z.unknown(), reason: z.string().nullable() })
    .transform(({ grant, ...rest }) => ({ ...rest, kind: 'grant' as const, name: grant })),
)
const fileContent = z.union([entry.transform((it) => [it]), olderFile])

/** The journal of one tenant of one gateway, beside the files. */
export async function openJournal(
  { folder, origin, tenant }: { readonly folder: string; readonly origin: string; readonly tenant: string },
  world: World,
): Promise<Journal> {
  const host = origin.replace(/^https?:\/\//, '').replace(/[^a-z0-9.-]/gi, '_')
  const own = `${folder}/.gatehouse`
  const stem = `${host}_${tenant}`
  /** Files by what is in them. */
  const files = new Map<string, Set<string>>()
  const keep = (kind: string, name: string, file: string) => {
    const id = `${kind}/${name}`
    files.set(id, (files.get(id) ?? new Set()).add(file))
  }
  const left: Unfinished[] = []
  /** Files of runs that died while they wrote one, or of runs that write one at this moment. */
  const unwritten: string[] = []
  for (const name of (await world.list(own)) ?? []) {
    if (name.startsWith(`${stem}~`) && name.endsWith(`.json${UNWRITTEN}`)) unwritten.push(`${own}/${name}`)
    if (name !== `${stem}.json` && !(name.startsWith(`${stem}~`) && name.endsWith('.json'))) continue
    const file = `${own}/${name}`
    for (const it of await readEntries(file, world)) {
      left.push(it)
      keep(it.kind, it.name, file)
    }
  }
  const settled = new Set<string>()
  return {
    folder: own,
    left,
    begin: async (request) => {
      const file = `${own}/${stem}~${request.kind}~${request.name}~${request.key}.json`
      const problem = await world.write(file, `${JSON.stringify(request)}\n`)
      if (problem === null) {
        keep(request.kind, request.name, file)
        settled.delete(`${request.kind}/${request.name}`)
      }
      return problem
    },
    settle: (kind, name) => {
      settled.add(`${kind}/${name}`)
    },
    end: async () => {
      const open = new Set([...files].filter(([id]) => !settled.has(id)).flatMap(([, names]) => [...names]))
      // The older file is of several, and goes with the last of them.
      for (const id of settled)
        for (const file of files.get(id) ?? []) if (!open.has(file)) await world.write(file, null)
      // Nothing was asked with what they were to say. One that was being written when this run began has its name by now.
      for (const file of unwritten) await world.write(file, null)
    },
  }
}

async function readEntries(file: string, world: World): Promise<readonly Unfinished[]> {
  const content = await world.read(file)
  if (!content.ok) return []
  try {
    const read = fileContent.safeParse(JSON.parse(new TextDecoder().decode(content.bytes)))
    return read.success ? read.data : []
  } catch {
    return []
  }
}

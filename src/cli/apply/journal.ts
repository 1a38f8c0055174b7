/**
 * Grants that are being made, written down before they are: a token is told once, and a run that dies between making a
 * grant and printing its token would lose it. The next run asks again, with the same `Idempotency-Key`. There is no
 * secret in it.
 */
import type { World } from '../outcome.ts'

/** A request for a grant, exactly as it was sent. */
export interface Unfinished {
  readonly grant: string
  readonly key: string
  readonly body: unknown
  readonly reason: string | null
}

export interface Journal {
  readonly file: string
  /** What an earlier run left. */
  readonly left: readonly Unfinished[]
  /** Adds a request; why it cannot be written, or null. */
  begin(request: Unfinished): Promise<string | null>
  /** This grant's token is known, or there is none to be known. */
  settle(grant: string): void
  /** What is known has been printed: it need not be asked for again. */
  end(): Promise<void>
}

/** The journal of one tenant of one gateway, beside the files. */
export async function openJournal(
  folder: string,
  origin: string,
  tenant: string,
  world: World,
): Promise<Journal> {
  const host = origin.replace(/^https?:\/\//, '').replace(/[^a-z0-9.-]/gi, '_')
  const file = `${folder}/.gatehouse/${host}_${tenant}.json`
  const left = await readLeft(file, world)
  const now = new Map(left.map((it) => [it.grant, it]))
  let isChanged = false
  return {
    file,
    left,
    begin: (request) => {
      now.set(request.grant, request)
      return world.write(file, textOf(now))
    },
    settle: (grant) => {
      isChanged = now.delete(grant) || isChanged
    },
    end: async () => {
      if (isChanged) await world.write(file, now.size === 0 ? null : textOf(now))
    },
  }
}

function textOf(requests: ReadonlyMap<string, Unfinished>): string {
  return `${JSON.stringify([...requests.values()])}\n`
}

async function readLeft(file: string, world: World): Promise<readonly Unfinished[]> {
  const content = await world.read(file)
  if (!content.ok) return []
  try {
    const left = JSON.parse(new TextDecoder().decode(content.bytes)) as Unfinished[]
    return left.filter(({ grant, key }) => typeof grant === 'string' && typeof key === 'string')
  } catch {
    return []
  }
}

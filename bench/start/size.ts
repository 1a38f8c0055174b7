/** The size of what a deployment uploads, and the parts that it is made of. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type BuiltWorker, bundle } from '../../test/support/node/built-worker.ts'

/**
 * The most that all modules of the Worker may take together, each compressed by gzip as Cloudflare counts them. It leaves a few
 * kilobytes to grow into. Whoever needs more raises it here, and says in bench/README.md what for.
 */
export const MOST_GZIP_BYTES = 430_000

export interface Size {
  readonly bytes: number
  readonly gzipBytes: number
}

/** All that is uploaded: every module, and no source map. */
export function sizeOf({ modules }: Pick<BuiltWorker, 'modules'>): Size {
  const all = [...modules.values()]
  const sum = (of: (module: Buffer) => number) => all.reduce((total, module) => total + of(module), 0)
  return { bytes: sum((module) => module.length), gzipBytes: sum((module) => gzipSync(module).length) }
}

/** A package, or a folder of `src/`, with the bytes that it has in the bundle, uncompressed. */
export interface Part {
  readonly name: string
  readonly bytes: number
}

/** What esbuild's metafile says of an output. */
interface Metafile {
  readonly outputs: Readonly<
    Record<string, { readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>> }>
  >
}

/** The parts of a checkout's bundle, the largest first. Builds it anew. */
export async function partsOf(checkout: string): Promise<readonly Part[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-parts-'))
  try {
    const metafile = join(folder, 'metafile.json')
    await bundle(checkout, ['--outdir', folder, '--metafile', metafile])
    return summed(JSON.parse(await readFile(metafile, 'utf8')) as Metafile)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function summed({ outputs }: Metafile): readonly Part[] {
  const parts = new Map<string, number>()
  for (const { inputs } of Object.values(outputs))
    for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
      const name = partOf(file)
      parts.set(name, (parts.get(name) ?? 0) + bytesInOutput)
    }
  return [...parts]
    .map(([name, bytes]) => ({ name, bytes }))
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => b.bytes - a.bytes)
}

/** The package of a file, or its first two folders. */
function partOf(file: string): string {
  const inPackage = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]
  return inPackage ?? file.split('/').slice(0, 2).join('/')
}

/** Parts as lines of text, in kilobytes. */
export function describeParts(parts: readonly Part[], most: number): string {
  return parts
    .slice(0, most)
    .map(({ name, bytes }) => `${(bytes / 1_000).toFixed(0).padStart(6)} KB  ${name}`)
    .join('\n')
}

/**
 * A Worker as a deployment would upload it, with the configuration that goes with it. To build it costs seconds of processor
 * time, so one run of the tests builds each Worker once: `keepBuiltWorkersIn` names the folder that its test files share.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from './wrangler-dev.ts'

/** The module that workerd is to take for the main one. */
export const MAIN = 'index.js'

/** What is read of wrangler.toml; wrangler's own type for it does not resolve outside of its repository. */
export interface WranglerToml {
  readonly compatibility_date?: string
  readonly compatibility_flags: readonly string[]
  readonly vars: Readonly<Record<string, unknown>>
  readonly durable_objects: { readonly bindings: readonly { name: string; class_name: string }[] }
}

export interface BuiltWorker {
  /** The content of each module by its name, the main one first. */
  readonly modules: ReadonlyMap<string, Buffer>
  readonly config: WranglerToml
}

/** The configuration, beside the modules. */
const CONFIG = 'wrangler.json'

/** The folder that test files share; null where a program builds for itself alone, as a benchmark does. */
let shared: string | null = null

/** Has every Worker kept in `folder`, and taken from there where another test file of the same run has built it. */
export function keepBuiltWorkersIn(folder: string): void {
  shared = folder
}

/** That folder. Throws outside of a run of the tests. */
export function builtFolder(): string {
  if (shared === null) throw new Error('no folder is shared: found no run of the tests; allowed: in one')
  return shared
}

const building = new Map<string | null, Promise<BuiltWorker>>()

/**
 * The gateway of another checkout of this repository, whose packages are installed, built with what it has.
 *
 * @param isReadable with the names of functions and the paths of files, which a deployment is without: for profiles
 */
export async function builtElsewhere(checkout: string, isReadable = false): Promise<BuiltWorker> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-built-'))
  try {
    await build(null, folder, { checkout, isReadable })
    return await readBuilt(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A Worker, by the path of its `index.ts` from the root; null for the gateway itself. */
export function builtWorker(main: string | null): Promise<BuiltWorker> {
  const built = building.get(main) ?? (shared === null ? builtApart(main) : builtIn(shared, main))
  building.set(main, built)
  return built
}

async function builtApart(main: string | null): Promise<BuiltWorker> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-built-'))
  try {
    return await builtIn(folder, main)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function builtIn(folder: string, main: string | null): Promise<BuiltWorker> {
  const place = join(folder, main === null ? 'gatehouse' : encodeURIComponent(main))
  if (!existsSync(place)) {
    const unfinished = await mkdtemp(join(folder, 'unfinished-'))
    await build(main, unfinished, { checkout: root, isReadable: false })
    // In one step, so that nobody reads half of it. It fails where another process was quicker, and then that one's is read.
    await rename(unfinished, place).catch(async (error: unknown) => {
      await rm(unfinished, { recursive: true, force: true })
      if (!existsSync(place)) throw error
    })
  }
  return readBuilt(place)
}

async function readBuilt(place: string): Promise<BuiltWorker> {
  const texts = (await readdir(place)).filter((name) => name.endsWith('.html'))
  const contents = [MAIN, ...texts].map(async (name) => [name, await readFile(join(place, name))] as const)
  return {
    modules: new Map(await Promise.all(contents)),
    config: JSON.parse(await readFile(join(place, CONFIG), 'utf8')) as WranglerToml,
  }
}

async function build(
  main: string | null,
  folder: string,
  { checkout, isReadable }: { readonly checkout: string; readonly isReadable: boolean },
): Promise<void> {
  const script = main === null ? [] : [join(checkout, main)]
  await bundle(checkout, [...script, '--outdir', folder, ...(isReadable ? ['--no-minify'] : [])])
  // Only here, because to load wrangler takes a second.
  const { unstable_readConfig } = await import('wrangler')
  const config: WranglerToml = unstable_readConfig({ config: join(checkout, 'wrangler.toml') })
  await writeFile(join(folder, CONFIG), JSON.stringify(config))
}

/** Has wrangler build a checkout's Worker without uploading it. */
export async function bundle(checkout: string, args: readonly string[]): Promise<void> {
  const wrangler = join(checkout, 'node_modules/wrangler/bin/wrangler.js')
  await promisify(execFile)(process.execPath, [wrangler, 'deploy', '--dry-run', ...args], {
    cwd: checkout,
    env: {
      ...process.env,
      CLOUDFLARE_CF_FETCH_ENABLED: 'false',
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_HIDE_BANNER: 'true',
    },
  })
}

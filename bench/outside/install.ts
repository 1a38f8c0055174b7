/** Installs the pinned packages of a program in a folder of its own, with the ordinary client of the registry. */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { bareEnvironment, run } from './processes.ts'

const INSTALL_MS = 600_000

/** Installs what is not there yet. Rejects with the last lines of npm where it fails. */
export async function install(folder: string, packages: readonly string[]): Promise<void> {
  if (existsSync(join(folder, 'installed'))) return
  await rm(folder, { recursive: true, force: true })
  const home = `${folder}-home`
  await mkdir(folder, { recursive: true })
  await mkdir(join(home, 'tmp'), { recursive: true })
  await writeFile(join(folder, 'package.json'), '{"private":true}\n')
  const npm = join(dirname(process.execPath), 'npm')
  const args = ['install', '--no-audit', '--no-fund', '--loglevel=error', '--save-exact', ...packages]
  const env = { ...bareEnvironment(home), ...registry() }
  const { code, output } = await run(existsSync(npm) ? npm : 'npm', args, { cwd: folder, env }, INSTALL_MS)
  if (code !== 0)
    throw new Error(`npm install ended with ${code}: ${output.trim().split('\n').slice(-3).join(' ')}`)
  await writeFile(join(folder, 'installed.new'), packages.join('\n'))
  await rename(join(folder, 'installed.new'), join(folder, 'installed'))
}

/** How this machine reaches its registry, and nothing else of its configuration. */
function registry(): Record<string, string> {
  const names = [
    'npm_config_registry',
    'NPM_CONFIG_REGISTRY',
    'NODE_EXTRA_CA_CERTS',
    'HTTPS_PROXY',
    'https_proxy',
  ]
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])))
}

/** The version that is installed of a package. */
export async function versionOf(folder: string, name: string): Promise<string> {
  const text = await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** The name of a pinned package, without its version. */
export function nameOf(pinned: string): string {
  return pinned.slice(0, pinned.lastIndexOf('@'))
}

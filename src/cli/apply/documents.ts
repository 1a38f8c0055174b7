/** The documents of a folder, one kind a function: what each says, or everything that is wrong with it. */
import * as z from 'zod/v4'
import { isObject } from '../../base/json.ts'
import { tenantDocument } from '../../contract/config.ts'
import { completeGrant, grantSchema } from '../../contract/grant-document.ts'
import { readOrigins } from '../../contract/origins.ts'
import { personSchema } from '../../contract/person-document.ts'
import { readServerDocument } from '../../contract/server-document.ts'
import { completeWebhook, webhookSchema, webhookUrlProblem } from '../../contract/webhook-document.ts'
import { nativeServerNames } from '../../names/native-servers.ts'
import { isName } from '../../names/tokens.ts'
import { isServerName } from '../../names/tools.ts'
import { object } from '../../policy/fragments.ts'
import { problemsOf } from '../../policy/issues.ts'
import { nothingKnown } from '../../policy/known-tools.ts'
import { loadPolicyText } from '../../policy/load.ts'
import { describeProblem, type Problem } from '../../policy/problem.ts'
import { readText } from '../../policy/text.ts'
import type { World } from '../kit/outcome.ts'
import { problemLine } from '../kit/source.ts'
import { readTenantFile, type TenantFile } from '../kit/tenant-file.ts'
import { withVariables } from '../kit/variables.ts'
import type { Source } from './folder.ts'
import type {
  WantedGrant,
  WantedPerson,
  WantedPolicy,
  WantedSecret,
  WantedServer,
  WantedTenant,
  WantedWebhook,
} from './wanted.ts'

/** Adds to the problems, or gives the thing. */
export type Reader<T> = (source: Source, name: string, problems: string[]) => T | null

/** The file as it is taken apart; null where it is no document. */
export function tenantFile(source: Source, problems: string[]): TenantFile | null {
  const value = valueIn(source, problems)
  return value === null ? null : readTenantFile(value.value)
}

export function tenant(source: Source, problems: string[]): WantedTenant | null {
  const { file } = source
  const value = valueIn(source, problems)
  if (value === null) return null
  const { settings, problems: found } = readTenantFile(value.value)
  problems.push(...found.map((problem) => `${file}: ${problem}`))
  if (settings === null || found.length > 0) return null
  const parsed = tenantDocument().safeParse(settings)
  if (parsed.success) return { file, document: parsed.data }
  problems.push(...problemsOf(parsed.error.issues, settings).map((it) => placed(file, it, value.locate)))
  return null
}

export const person: Reader<WantedPerson> = (source, name, problems) =>
  parsed(source, name, personSchema(), problems)

export const webhook: Reader<WantedWebhook> = (source, name, problems) => {
  const { file } = source
  const read = parsed(source, name, webhookSchema(), problems)
  if (read === null) return null
  const url = URL.parse(read.document.url)
  // Only the gateway knows if http and private addresses are allowed.
  const wrong = webhookUrlProblem(url, true)
  if (wrong !== null || url === null) {
    problems.push(`${file}: ${wrong}`)
    return null
  }
  return { file, document: completeWebhook(read.document, url) }
}

const secretSchema = object({ origins: z.unknown().optional() })

/** Origins alone: a value never stands in a file. */
export const secret: Reader<WantedSecret> = (source, name, problems) => {
  const { file } = source
  named(file, name, problems)
  const value = valueIn(source, problems)
  if (value === null) return null
  const document = value.value ?? {}
  // Any of it may be the value, so nothing is quoted.
  if (!isObject(document) || Object.hasOwn(document, 'value')) {
    const found = isObject(document) ? '/value: found a value' : '(document): found no object'
    const allowed = `origins alone; the value is in no file: gatehouse secret set ${name} --from -`
    problems.push(`${file}: ${found}; allowed: ${allowed}`)
    return null
  }
  const names = secretSchema.safeParse(document)
  if (!names.success) {
    problems.push(...problemsOf(names.error.issues, document).map((it) => placed(file, it, value.locate)))
    return null
  }
  const given = names.data.origins
  if (given === undefined) return { file, origins: null }
  const origins = readOrigins(given, true)
  if (origins.ok) return { file, origins: origins.origins }
  problems.push(`${file}: ${origins.problem}`)
  return null
}

/** @param world whose environment has the values of `${NAME}` */
export const server =
  (world: Pick<World, 'variable'>): Reader<WantedServer> =>
  (source, name, problems) => {
    const { file } = source
    if (!isServerName(name)) {
      const allowed = `a letter and at most 30 of a-z, 0-9 and -, but not ${nativeServerNames.join(', ')}`
      problems.push(`${file}: found the name ${JSON.stringify(name)}; allowed: ${allowed}`)
    }
    const value = valueIn(source, problems)
    if (value === null) return null
    const given = value.value
    const { headers, problems: unset } = withVariables(isObject(given) ? given.headers : undefined, world)
    const filled = isObject(given) && headers !== undefined ? { ...given, headers } : given
    // Only the gateway knows if http and private addresses are allowed.
    const checked = readServerDocument(filled, true)
    // A value that is not there yet cannot be checked.
    const isKnown = (problem: string) => unset.length === 0 || !problem.startsWith('/headers/')
    const found = [...unset, ...(checked.ok ? [] : checked.problems.filter(isKnown))]
    problems.push(...found.map((problem) => `${file}: ${problem}`))
    return checked.ok && found.length === 0 ? { file, document: checked.document } : null
  }

export const policy: Reader<WantedPolicy> = (source, name, problems) => {
  const { file, bytes } = source
  named(file, name, problems)
  const loaded = loadPolicyText(bytes)
  if (!loaded.ok) {
    problems.push(...loaded.problems.map((problem) => problemLine(file, problem)))
    return null
  }
  const checked: WantedPolicy['checked'] = (known = nothingKnown) => {
    const again = loadPolicyText(bytes, known)
    return again.ok ? again : loaded
  }
  return { file, document: readText(bytes).value, policy: loaded, checked }
}

export const grant: Reader<WantedGrant> = (source, name, problems) => {
  const read = parsed(source, name, grantSchema(), problems)
  if (read === null) return null
  return { file: read.file, document: completeGrant(name, read.document) }
}

function parsed<S extends z.ZodType>(
  source: Source,
  name: string,
  schema: S,
  problems: string[],
): { readonly file: string; readonly document: z.output<S> } | null {
  const { file } = source
  named(file, name, problems)
  const value = valueIn(source, problems)
  if (value === null) return null
  const read = schema.safeParse(value.value)
  if (read.success) return { file, document: read.data }
  problems.push(...problemsOf(read.error.issues, value.value).map((it) => placed(file, it, value.locate)))
  return null
}

function named(file: string, name: string, problems: string[]): void {
  if (isName(name)) return
  const allowed = '1 to 63 of a-z, 0-9 and -, with no - at either end'
  problems.push(`${file}: found the name ${JSON.stringify(name)}; allowed: ${allowed}`)
}

function valueIn({ file, bytes }: Source, problems: string[]) {
  const read = readText(bytes)
  if (read.problems.length === 0) return read
  problems.push(...read.problems.map((problem) => problemLine(file, problem)))
  return null
}

function placed(
  file: string,
  problem: Problem,
  locate: (at: string, onName: boolean) => { line: number; column: number },
): string {
  const { line, column } = locate(problem.pointer, problem.onName === true)
  return `${file}:${line}:${column} ${describeProblem(problem)}`
}

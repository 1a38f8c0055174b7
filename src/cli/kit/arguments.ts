/** Reads a command line. Everything that is wrong with it is named at once, with what is allowed. */
import { parseArgs } from 'node:util'
import { describeValue } from '../../policy/problem.ts'
import { nearest } from '../../policy/spelling.ts'
import type { Misuse } from './outcome.ts'

/** An option of a command. */
export interface Option {
  readonly name: string
  /** The word that stands for its value in help, or null for a switch. */
  readonly value: string | null
  readonly help: string
  readonly required?: boolean
  /** Other options, one of which may stand in the place of a required one. */
  readonly unless?: readonly string[]
  /** All values that it takes, where they are few: shells complete them. */
  readonly values?: readonly string[]
  /** Its value is never quoted. */
  readonly isSecret?: boolean
}

/** The words that a command takes beside options. */
export interface Operands {
  /** As help names them: `FILE…`. */
  readonly names: string
  /** All that it may be, where it is one of few. */
  readonly values?: readonly string[]
  readonly least: number
  readonly most: number
}

/** A command line that was understood. */
export interface Given {
  readonly operands: readonly string[]
  readonly values: ReadonlyMap<string, string>
  readonly switches: ReadonlySet<string>
}

/** Reads words as operands and options, or says what is wrong with them. */
export function readArguments(
  words: readonly string[],
  options: readonly Option[],
  expected: Operands,
): Given | readonly Misuse[] {
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(
      options.map(({ name, value }) => [
        name,
        { type: value === null ? 'boolean' : 'string', ...(name === 'help' ? { short: 'h' } : {}) } as const,
      ]),
    ),
    // The parser would stop at the first mistake, and name it in words of its own.
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const problems: Misuse[] = []
  const operands: string[] = []
  const values = new Map<string, string>()
  const switches = new Set<string>()
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value)
    if (token.kind !== 'option') continue
    const option = options.find(({ name }) => name === token.name)
    const problem =
      option === undefined ? unknown(token.rawName, options) : misfit(option, token, values, switches)
    if (problem !== null) problems.push(problem)
    else if (typeof token.value === 'string') values.set(token.name, token.value)
    else switches.add(token.name)
  }
  // A request for help needs nothing else to be right.
  if (switches.has('help')) return { operands, values, switches }
  for (const { name, value, required, unless = [] } of options) {
    const enough = [name, ...unless]
    const isGiven = tokens.some((token) => token.kind === 'option' && enough.includes(token.name))
    if (required === true && !isGiven) problems.push({ found: `no --${name}`, allowed: `--${name} ${value}` })
  }
  // A word behind an unknown option may be its value, so a complaint about too many operands would only confuse.
  const isKnown = tokens.every((token) => token.kind !== 'option' || isNamed(token.name, options))
  if (operands.length < expected.least || (isKnown && operands.length > expected.most)) {
    problems.push({ found: counted(operands.length), allowed: expected.names || 'options only' })
  }
  if (operands.filter((operand) => operand === '-').length > 1) {
    problems.push({ found: '"-" again', allowed: 'standard input once' })
  }
  return problems.length > 0 ? problems : { operands, values, switches }
}

function isNamed(name: string, options: readonly Option[]): boolean {
  return options.some((option) => option.name === name)
}

function unknown(rawName: string, options: readonly Option[]): Misuse {
  const names = options.map(({ name }) => `--${name}`)
  const meant = nearest(
    rawName.replace(/^-+/, ''),
    options.map(({ name }) => name),
  )
  return {
    found: `the unknown option ${describeValue(rawName)}`,
    allowed: names.join(', '),
    nearest: meant === null ? null : `--${meant}`,
  }
}

function misfit(
  { name, value: placeholder, isSecret = false }: Option,
  { value, inlineValue }: { value?: string | undefined; inlineValue?: boolean | undefined },
  values: ReadonlyMap<string, string>,
  switches: ReadonlySet<string>,
): Misuse | null {
  if (values.has(name) || switches.has(name)) {
    // `--help --help` asks no two things.
    return placeholder === null ? null : { found: `--${name} again`, allowed: `--${name} once` }
  }
  if (placeholder === null) {
    return value === undefined ? null : { found: `--${name}=…`, allowed: `--${name}, which takes no value` }
  }
  if (value === undefined) return { found: `--${name} without a value`, allowed: `--${name} ${placeholder}` }
  // The value was forgotten, and the next option would be taken for it.
  const isOption = inlineValue !== true && value.length > 1 && value.startsWith('-')
  return isOption
    ? {
        found: `--${name} ${isSecret ? '-…' : describeValue(value)}`,
        allowed: `--${name} ${placeholder}, or --${name}=-…`,
      }
    : null
}

function counted(count: number): string {
  return count === 0 ? 'nothing to work on' : `${count} operand${count === 1 ? '' : 's'}`
}

/** From the words of a command line to what they come to. */
import { describeValue } from '../policy/problem.ts'
import { nearest } from '../policy/spelling.ts'
import { identity } from '../version.ts'
import { type Operands, type Option, readArguments } from './arguments.ts'
import { commands, everywhere } from './commands.ts'
import { commandHelp, programHelp } from './help.ts'
import { fine, type Misuse, misuse, type Outcome, visible, type World } from './outcome.ts'

/** What is to be written, and with which exit code. */
export interface Printed {
  readonly code: Outcome['code']
  readonly out: string
  readonly err: string
}

/** Runs a command line. Rejects only where the program itself is wrong. */
export async function run(words: readonly string[], world: World): Promise<Printed> {
  const outcome = await outcomeOf(words, world)
  // After `--` it is no option, so it is not looked for there.
  const options = words.includes('--') ? words.slice(0, words.indexOf('--')) : words
  if (options.includes('--json')) return { code: outcome.code, out: text([json(outcome.data)]), err: '' }
  const { code, lines, errors } = outcome
  return { code, out: text(lines.map(visible)), err: text(errors.map(visible)) }
}

async function outcomeOf(words: readonly string[], world: World): Promise<Outcome> {
  const [group, verb, ...rest] = words
  if (group === undefined || group.startsWith('-')) return program('gatehouse', words, 'policy')
  if (group !== 'policy') return misuse('gatehouse', [unknown(group, ['policy'])])
  const names = commands.map(({ name }) => name)
  if (verb === undefined || verb.startsWith('-')) {
    return program('gatehouse policy', words.slice(1), names.join(', '))
  }
  const command = commands.find(({ name }) => name === verb)
  if (command === undefined) return misuse('gatehouse policy', [unknown(verb, names)])
  const given = readArguments(rest, [...command.options, ...everywhere], command.operands)
  if (!('operands' in given)) return misuse(`gatehouse policy ${command.name}`, given)
  return given.switches.has('help') ? help(commandHelp(command)) : command.run(given, world)
}

const version: Option = { name: 'version', value: null, help: '' }
const NOTHING: Operands = { names: '', least: 0, most: 0 }

/** Options without a command. */
function program(name: string, words: readonly string[], allowed: string): Outcome {
  const given = readArguments(words, [...everywhere, version], NOTHING)
  if (!('operands' in given)) return misuse(name, given)
  if (given.switches.has('help')) return help(programHelp())
  if (given.switches.has('version')) return fine([identity.version], { version: identity.version })
  return misuse(name, [{ found: 'no command', allowed }])
}

function help(lines: readonly string[]): Outcome {
  return fine(lines, { help: lines.join('\n') })
}

function unknown(word: string, names: readonly string[]): Misuse {
  return {
    found: `the unknown command ${describeValue(word)}`,
    allowed: names.join(', '),
    nearest: nearest(word, names),
  }
}

function json(data: unknown): string {
  return JSON.stringify(data, null, 2)
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

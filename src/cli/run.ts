/** From the words of a command line to what they come to. */
import { identity } from '../base/version.ts'
import { describeValue } from '../policy/problem.ts'
import { nearest } from '../policy/spelling.ts'
import { commands, everywhere, groups, nameOf } from './commands.ts'
import { commandHelp, programHelp } from './help.ts'
import { type Operands, type Option, readArguments } from './kit/arguments.ts'
import { fine, type Late, type Misuse, misuse, type Outcome, visible, type World } from './kit/outcome.ts'

/** The text of both streams, and the exit code. */
export interface Printed {
  readonly code: Outcome['code']
  readonly out: string
  readonly err: string
  /** Work that is left once the text is written. */
  readonly after?: () => Promise<void>
  /** A wait after that, which ends with another exit code and more for standard error. */
  readonly waits?: () => Promise<Pick<Printed, 'code' | 'err'>>
}

/** Runs a command line. Rejects only where the program itself is wrong. */
export async function run(words: readonly string[], world: World): Promise<Printed> {
  let hasPrinted = false
  const print = (text: string) => {
    hasPrinted = true
    world.print(text)
  }
  const outcome = await outcomeOf(words, { ...world, print })
  // After `--` it is no option, so it is not looked for there.
  const options = words.includes('--') ? words.slice(0, words.indexOf('--')) : words
  const { code, lines, errors, data, after, waits } = outcome
  const rest = {
    ...(after === undefined ? {} : { after }),
    ...(waits === undefined ? {} : { waits: () => waits().then(late) }),
  }
  if (options.includes('--json')) {
    if (data === undefined) return { code, out: '', err: text(errors.map(visible)), ...rest }
    // Behind rows that were printed as they came, it would be no row.
    return hasPrinted
      ? { code, out: '', err: text([json(data)]), ...rest }
      : { code, out: text([json(data)]), err: '', ...rest }
  }
  const width = world.width()
  const shown = width === null ? lines : (outcome.fitted?.(width) ?? lines)
  return { code, out: text(shown.map(visible)), err: text(errors.map(visible)), ...rest }
}

async function outcomeOf(words: readonly string[], world: World): Promise<Outcome> {
  const [first, ...rest] = words
  const alone = commands.filter(({ group }) => group === null)
  const known = [...groups, ...alone.map(({ name }) => name)]
  if (first === undefined || first.startsWith('-')) return program(null, words, known)
  const single = alone.find(({ name }) => name === first)
  if (single !== undefined) return perform(single, rest, world)
  if (!groups.includes(first)) return misuse('gatehouse', [unknown(first, known)])
  const inGroup = commands.filter(({ group }) => group === first)
  const names = inGroup.map(({ name }) => name)
  const [verb, ...more] = rest
  if (verb === undefined || verb.startsWith('-')) return program(first, rest, names)
  const command = inGroup.find(({ name }) => name === verb)
  if (command === undefined) return misuse(`gatehouse ${first}`, [unknown(verb, names)])
  return perform(command, more, world)
}

function perform(
  command: (typeof commands)[number],
  words: readonly string[],
  world: World,
): Outcome | Promise<Outcome> {
  const given = readArguments(words, [...command.options, ...everywhere], command.operands)
  if (!('operands' in given)) {
    const outcome = misuse(nameOf(command), given)
    return { ...outcome, code: command.failure ?? outcome.code }
  }
  if (given.switches.has('help')) return help(commandHelp(command))
  const { failure } = command
  return failure === undefined ? command.run(given, world) : command.run(given, world).catch(broken(failure))
}

/** Turns a mistake of the program itself into an outcome, because its usual exit code would pass for an answer. */
function broken(code: Outcome['code']): (error: unknown) => Outcome {
  return (error) => {
    const errors = [`gatehouse: ${String(error)}`]
    return { code, lines: [], errors, data: { errors: [{ failed: String(error) }] } }
  }
}

const version: Option = { name: 'version', value: null, help: '' }
const NOTHING: Operands = { names: '', least: 0, most: 0 }

/** Options without a command. */
function program(group: string | null, words: readonly string[], allowed: readonly string[]): Outcome {
  const name = group === null ? 'gatehouse' : `gatehouse ${group}`
  const given = readArguments(words, [...everywhere, version], NOTHING)
  if (!('operands' in given)) return misuse(name, given)
  if (given.switches.has('help')) return help(programHelp(group))
  if (given.switches.has('version')) return fine([identity.version], { version: identity.version })
  return misuse(name, [{ found: 'no command', allowed: allowed.join(', ') }])
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

function late({ code, errors }: Late): Pick<Printed, 'code' | 'err'> {
  return { code, err: text(errors.map(visible)) }
}

function json(data: unknown): string {
  return JSON.stringify(data, null, 2)
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

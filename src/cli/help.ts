/** What `--help` prints. */
import type { Option } from './arguments.ts'
import { type Command, commands, everywhere } from './commands.ts'

/** Of the program. */
export function programHelp(): string[] {
  const widest = Math.max(...commands.map(({ name }) => name.length))
  return [
    'Usage: gatehouse policy COMMAND …',
    '',
    'Commands:',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(widest)}  ${summary}`),
    '',
    'Options:',
    ...optionLines([...everywhere, { name: 'version', value: null, help: 'print the version' }]),
    '',
    'A policy is JSON or YAML, in any of its dialects; - is standard input.',
    '',
    'Examples:',
    ...commands.flatMap(({ examples }) => examples.slice(0, 1)).map((example) => `  ${example}`),
  ]
}

/** Of one command. */
export function commandHelp({ name, summary, operands, options, exitCodes, examples }: Command): string[] {
  const needed = options.filter((option) => option.required === true).map(spelling)
  const rest = options.length > needed.length ? ['[OPTION…]'] : []
  return [
    ['Usage: gatehouse policy', name, operands.names, ...needed, ...rest].join(' '),
    '',
    `${summary}.`,
    '',
    'Options:',
    ...optionLines([...options, ...everywhere]),
    '',
    `Exit codes: ${exitCodes}.`,
    '',
    'Examples:',
    ...examples.map((example) => `  ${example}`),
  ]
}

function optionLines(options: readonly Option[]): string[] {
  const widest = Math.max(...options.map((option) => spelling(option).length))
  return options.map((option) => `  ${spelling(option).padEnd(widest)}  ${option.help}`)
}

function spelling({ name, value }: Option): string {
  return value === null ? `--${name}` : `--${name} ${value}`
}

/** Prints the help of the program, of a group and of a command. */
import { commands, everywhere, nameOf } from './commands.ts'
import type { Option } from './kit/arguments.ts'
import type { Command, Shape } from './kit/command.ts'

/** The help of the program, or of one group of its commands. */
export function programHelp(group: string | null): string[] {
  const shown = group === null ? commands : commands.filter((command) => command.group === group)
  const word = (command: Command) =>
    group === null ? nameOf(command).replace('gatehouse ', '') : command.name
  const widest = Math.max(...shown.map((command) => word(command).length))
  return [
    `Usage: gatehouse ${group ?? '[GROUP]'} COMMAND …`,
    '',
    'Commands:',
    ...shown.map((command) => `  ${word(command).padEnd(widest)}  ${command.summary}`),
    '',
    'Options:',
    ...optionLines([...everywhere, { name: 'version', value: null, help: 'print the version' }]),
    '',
    'A policy is JSON or YAML, in any of its dialects; - is standard input. Commands that ask the gateway take',
    '--url, --token and --tenant, or GATEHOUSE_URL, GATEHOUSE_TOKEN and GATEHOUSE_TENANT; behind Cloudflare Access',
    'also a service token of it: CF_ACCESS_CLIENT_ID and CF_ACCESS_CLIENT_SECRET.',
    ...(group === null
      ? []
      : ['', 'Examples:', ...shown.flatMap(({ examples }) => examples.slice(0, 1)).map((it) => `  ${it}`)]),
  ]
}

/** The help of one command. */
export function commandHelp(command: Command): string[] {
  const { summary, notes = [], operands, options, exitCodes, json, examples } = command
  const needed = options.filter((option) => option.required === true).map(spelling)
  const rest = options.length > needed.length ? ['[OPTION…]'] : []
  return [
    [`Usage: ${nameOf(command)}`, operands.names, ...needed, ...rest].filter((it) => it !== '').join(' '),
    '',
    `${summary}.`,
    ...notes,
    '',
    'Options:',
    ...optionLines([...options, ...everywhere]),
    '',
    `With --json: ${jsonWords(json)}.`,
    `Exit codes: ${exitCodes}.`,
    '',
    'Examples:',
    ...examples.map((example) => `  ${example}`),
  ]
}

/** Describes in words the document that `--json` prints. */
export function jsonWords(json: Shape): string {
  switch (json) {
    case 'answer':
      return 'what the API answers'
    case 'items':
      return '{items}, all of the list, as the API has them'
    case 'rows':
      return 'one document a line, as the API has them'
    case 'document':
      return 'the same, which is JSON'
    default:
      return `{${json.join(', ')}}`
  }
}

function optionLines(options: readonly Option[]): string[] {
  const widest = Math.max(...options.map((option) => spelling(option).length))
  return options.map((option) => `  ${spelling(option).padEnd(widest)}  ${option.help}`)
}

function spelling({ name, value }: Option): string {
  return value === null ? `--${name}` : `--${name} ${value}`
}

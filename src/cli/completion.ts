/**
 * `completion SHELL`: a script by which a shell completes commands and options. It is made of the list of commands, so
 * it knows each that the program knows; it asks neither the program nor the gateway.
 */
import { describeValue } from '../policy/problem.ts'
import { nearest } from '../policy/spelling.ts'
import type { Given, Option } from './kit/arguments.ts'
import type { Command } from './kit/command.ts'
import { fine, misuse, type Outcome } from './kit/outcome.ts'

/** Everything that a script completes. */
export interface Completed {
  readonly commands: readonly Command[]
  /** Options that every command takes. */
  readonly everywhere: readonly Option[]
}

const scripts: Readonly<Record<string, (completed: Completed) => readonly string[]>> = { bash, zsh, fish }
const shells = Object.keys(scripts)

/** @param completed asked when the command runs, for it lists this command, too */
export function completionCommand(completed: () => Completed): Command {
  return {
    group: null,
    name: 'completion',
    summary: 'Print a script that completes commands and options in a shell',
    operands: { names: shells.join('|'), values: shells, least: 1, most: 1 },
    options: [],
    exitCodes: '0 printed; 2 not understood',
    json: ['shell', 'script'],
    examples: ['source <(gatehouse completion bash)', 'gatehouse completion fish | source'],
    run: async ({ operands: [shell = ''] }: Given): Promise<Outcome> => {
      const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined
      if (script === undefined) {
        const found = `the unknown shell ${describeValue(shell)}`
        const allowed = shells.join(', ')
        return misuse('gatehouse completion', [{ found, allowed, nearest: nearest(shell, shells) }])
      }
      const lines = script(completed())
      return fine(lines, { shell, script: lines.join('\n') })
    },
  }
}

/** Values that a shell completes as file names. */
const isFile = ({ value }: Option) => value === 'FILE' || value === 'DIR'
const flag = ({ name }: Option) => `--${name}`

interface Grouped {
  /** First words: groups, and commands without one. */
  readonly first: readonly string[]
  readonly groups: readonly { readonly name: string; readonly verbs: readonly string[] }[]
  readonly each: readonly Each[]
}

/** A command as it is completed. */
interface Each {
  /** As typed. */
  readonly words: string
  readonly options: readonly Option[]
  /** The operands: one of these, or files; otherwise names that only the gateway knows. */
  readonly operands: readonly string[]
  readonly takesFiles: boolean
}

function grouped({ commands, everywhere }: Completed): Grouped {
  const names = [...new Set(commands.flatMap(({ group }) => (group === null ? [] : [group])))]
  const alone = commands.flatMap(({ group, name }) => (group === null ? [name] : []))
  return {
    first: [...names, ...alone],
    groups: names.map((name) => ({
      name,
      verbs: commands.filter(({ group }) => group === name).map((command) => command.name),
    })),
    each: commands.map(({ group, name, options, operands }) => ({
      words: group === null ? name : `${group} ${name}`,
      options: [...options, ...everywhere],
      operands: operands.values ?? [],
      takesFiles: /\b(?:FILE|DIR|A B)\b/.test(operands.names),
    })),
  }
}

/** Cases of a shell's `case`, one for each option of each command that has few values. */
function valueCases(each: readonly Each[], line: (pattern: string, values: string) => string): string[] {
  return each.flatMap(({ words, options }) =>
    options.flatMap((option) =>
      option.values === undefined ? [] : [line(`'${words} ${flag(option)}'`, option.values.join(' '))],
    ),
  )
}

/** For bash 3.2 and later, which is what macOS has. */
function bash(completed: Completed): string[] {
  const { first, groups, each } = grouped(completed)
  const some = (options: readonly Option[], which: (option: Option) => boolean) =>
    options.filter(which).map(flag).join('|')
  return [
    '# gatehouse: completion for bash',
    '_gatehouse() {',
    `  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"`,
    `  local first="\${COMP_WORDS[1]}" command='' words='' files='' valued='' operands='' isName='' takesFiles='' line`,
    '  # Readline takes --file=x for three words.',
    `  if [[ $current == '=' ]]; then current=''`,
    `  elif [[ $before == '=' ]]; then before="\${COMP_WORDS[COMP_CWORD-2]}"`,
    '  fi',
    '  COMPREPLY=()',
    '  if ((COMP_CWORD == 1)); then',
    `    words='${first.join(' ')} --help --version' isName=1`,
    '  else',
    '    case "$first" in',
    ...groups.flatMap(({ name, verbs }) => [
      `      ${name})`,
      `        if ((COMP_CWORD == 2)); then words='${verbs.join(' ')} --help' isName=1; fi`,
      `        command="$first \${COMP_WORDS[2]}" ;;`,
    ]),
    '      *) command="$first" ;;',
    '    esac',
    '    if [[ -z $isName ]]; then',
    '      case "$command" in',
    ...each.flatMap(({ words, options, operands, takesFiles }) => [
      `        '${words}')`,
      `          words='${options.map(flag).join(' ')}'`,
      `          valued='${some(options, ({ value }) => value !== null)}' files='${some(options, isFile)}'`,
      `          operands='${operands.join(' ')}' takesFiles='${takesFiles ? '1' : ''}' ;;`,
    ]),
    '        *) return ;;',
    '      esac',
    '    fi',
    '  fi',
    `  if [[ -z $isName && "|$valued|" == *"|$before|"* ]]; then`,
    `    words=''`,
    '    case "$command $before" in',
    ...valueCases(each, (pattern, values) => `      ${pattern}) words='${values}' ;;`),
    '    esac',
    `    takesFiles=''`,
    `    if [[ "|$files|" == *"|$before|"* ]]; then takesFiles=1; fi`,
    '  elif [[ -z $isName && $current != -* ]]; then',
    '    words="$operands"',
    `  else takesFiles=''`,
    '  fi',
    '  while IFS= read -r line; do',
    `    if [[ -n $line ]]; then COMPREPLY[\${#COMPREPLY[@]}]="$line"; fi`,
    '  done < <(compgen -W "$words" -- "$current")',
    '  if [[ -n $takesFiles ]]; then',
    '    compopt -o filenames 2>/dev/null',
    '    while IFS= read -r line; do',
    `      COMPREPLY[\${#COMPREPLY[@]}]="$line"`,
    '    done < <(compgen -f -- "$current")',
    '  fi',
    '}',
    'complete -F _gatehouse gatehouse ./gatehouse',
  ]
}

function zsh(completed: Completed): string[] {
  const { first, groups, each } = grouped(completed)
  return [
    '#compdef gatehouse',
    '# gatehouse: completion for zsh',
    '_gatehouse() {',
    '  local command="$words[2]" before="$words[CURRENT-1]"',
    '  if ((CURRENT == 2)); then',
    `    compadd -- ${first.join(' ')} --help --version`,
    '    return',
    '  fi',
    '  case "$words[2]" in',
    ...groups.flatMap(({ name, verbs }) => [
      `    ${name})`,
      `      if ((CURRENT == 3)); then compadd -- ${verbs.join(' ')} --help; return; fi`,
      '      command="$words[2] $words[3]" ;;',
    ]),
    '  esac',
    '  case "$command $before" in',
    ...valueCases(each, (pattern, values) => `    ${pattern}) compadd -- ${values}; return ;;`),
    ...each.flatMap(({ words, options }) => {
      const valued = options.filter((option) => option.value !== null && option.values === undefined)
      const of = (some: readonly Option[]) => some.map((option) => `'${words} ${flag(option)}'`).join('|')
      const files = valued.filter(isFile)
      const others = valued.filter((option) => !isFile(option))
      return [
        ...(files.length === 0 ? [] : [`    ${of(files)}) _files; return ;;`]),
        ...(others.length === 0 ? [] : [`    ${of(others)}) return ;;`]),
      ]
    }),
    '  esac',
    '  if [[ "$PREFIX" != -* ]]; then',
    '    case "$command" in',
    ...each.flatMap(({ words, operands, takesFiles }) => [
      ...(operands.length === 0 ? [] : [`      '${words}') compadd -- ${operands.join(' ')} ;;`]),
      ...(takesFiles ? [`      '${words}') _files ;;`] : []),
    ]),
    '    esac',
    '    return',
    '  fi',
    '  case "$command" in',
    ...each.map(({ words, options }) => `    '${words}') compadd -- ${options.map(flag).join(' ')} ;;`),
    '  esac',
    '}',
    'compdef _gatehouse gatehouse',
  ]
}

function fish(completed: Completed): string[] {
  const { commands, everywhere } = completed
  const { first, groups } = grouped(completed)
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const isGroup = new Set(groups.map(({ name }) => name))
  const summaryOf = (name: string) => commands.find((it) => it.group === null && it.name === name)?.summary
  return [
    '# gatehouse: completion for fish',
    'function __gatehouse_at',
    '  set -l words (commandline -opc)',
    '  test "$words[2..]" = "$argv"',
    'end',
    'function __gatehouse_in',
    '  set -l words (commandline -opc)',
    '  set -l last (math (count $argv) + 1)',
    '  test (count $words) -ge $last; and test "$words[2..$last]" = "$argv"',
    'end',
    ...first.map((name) => {
      const says = isGroup.has(name) ? `${name} …` : (summaryOf(name) ?? name)
      return `complete -c gatehouse -f -n '__gatehouse_at' -a ${name} -d ${quoted(says)}`
    }),
    ...commands.flatMap(({ group, name, summary, options, operands }) => {
      const at =
        group === null
          ? []
          : [`complete -c gatehouse -f -n '__gatehouse_at ${group}' -a ${name} -d ${quoted(summary)}`]
      const words = group === null ? name : `${group} ${name}`
      const some = operands.values?.map(
        (value) => `complete -c gatehouse -f -n '__gatehouse_in ${words}' -a ${value}`,
      )
      return [
        ...at,
        ...(some ?? []),
        ...[...options, ...everywhere].map((option) => {
          const few = option.values === undefined ? '' : ` -a ${quoted(option.values.join(' '))}`
          const takes = option.value === null ? '' : isFile(option) ? ' -r' : ` -x${few}`
          return `complete -c gatehouse -n '__gatehouse_in ${words}' -l ${option.name}${takes} -d ${quoted(option.help)}`
        }),
      ]
    }),
  ]
}

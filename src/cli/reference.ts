/** docs/commands.md: what every command says of itself, as it prints it. PURE. */
import { commands, groups, nameOf } from './commands.ts'
import { commandHelp, programHelp } from './help.ts'

/** The page, whole. */
export function referencePage(): string {
  const alone = commands.filter(({ group }) => group === null)
  const sections = groups.map((group) => ({
    title: group,
    called: `gatehouse ${group}`,
    help: programHelp(group),
    commands: commands.filter((command) => command.group === group),
  }))
  return [
    '# Every command',
    '',
    'Each command as its `--help` prints it. `npm run docs:cli` writes this page, and a test compares it with the program: to change it,',
    'change what the program says. [cli.md](cli.md) says how the commands are used together, and what holds for all of them.',
    '',
    [...sections.map(({ title }) => title), ...alone.map(({ name }) => name)]
      .map((name) => `[${name}](#${name})`)
      .join(' · '),
    '',
    ...sections.flatMap(({ title, called, help, commands: within }) => [
      `## ${title}`,
      '',
      ...printed(called, help),
      ...within.flatMap((command) => [
        `### ${title} ${command.name}`,
        '',
        ...printed(nameOf(command), commandHelp(command)),
      ]),
    ]),
    ...alone.flatMap((command) => [
      `## ${command.name}`,
      '',
      ...printed(nameOf(command), commandHelp(command)),
    ]),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n')
}

function printed(called: string, lines: readonly string[]): string[] {
  return ['```console', `$ ./${called} --help`, ...lines, '```', '']
}

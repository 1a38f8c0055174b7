/** The lab's table: a server a line, and below it what differs, and where. */
import type { Report } from './report.ts'

export function printTable(reports: readonly Report[]): void {
  const rows = reports.map(({ name, program, version, eras, tools, compared, differences, problem }) =>
    problem === null
      ? [
          name,
          `${program} ${version}`,
          eras.join(', '),
          String(tools),
          `${compared - differences.length}/${compared}`,
        ]
      : [name, `${program} ${version}`, problem, '', ''],
  )
  const head = ['server', 'program', 'speaks', 'tools', 'the same']
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.filter((row) => row[4] !== '').map((row) => (row[i] ?? '').length)),
  )
  console.log('')
  for (const row of [head, ...rows])
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
  console.log('')
  for (const { name, wire } of reports)
    if (wire !== null)
      console.log(
        `${name}: discover ${wire.discover} | initialize ${wire.initialize} | unknown tool ${wire.unknownTool} | ` +
          `forged session ${wire.forgedSession} | GET ${wire.stream}`,
      )
  for (const { name, differences, notes } of reports) {
    for (const { at, what, how } of differences) console.log(`\n  ${name}, ${at}, ${what}:\n    ${how}`)
    for (const note of notes) console.log(`\n  ${name}: ${note}`)
  }
}

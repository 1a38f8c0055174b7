/** The lab's table: a program a line, a step a column, and below it what was not right, in words. */
import type { Report } from './report.ts'

export function printTable(reports: readonly Report[], steps: readonly string[]): void {
  const width = Math.max(...reports.map(({ name, version }) => `${name} ${version}`.length))
  console.log(`\nSteps: ${steps.map((step, i) => `${i + 1} ${step}`).join(' · ')}`)
  console.log(
    `${''.padEnd(width)}  ${steps.map((_, i) => String(i + 1).padStart(2)).join(' ')}   on the wire`,
  )
  for (const { name, version, problem, findings, behaviour } of reports) {
    const head = `${name} ${version}`.padEnd(width)
    if (problem !== null) {
      console.log(`${head}  ${problem}`)
      continue
    }
    const marks = steps.map((step) => {
      const found = findings.find((it) => it.step === step)
      return (found?.isRight === true ? '✓' : found?.isRight === false ? '✗' : '–').padStart(2)
    })
    console.log(`${head}  ${marks.join(' ')}   ${behaviour?.first}; ${behaviour?.revision}`)
  }
  const wrong = reports.flatMap(({ name, findings }) =>
    findings
      .filter(({ isRight }) => isRight === false)
      .map(({ step, seen }) => `  ${name}, ${step}: ${seen}`),
  )
  if (wrong.length > 0) console.log(['\nNot right:', ...wrong].join('\n'))
}

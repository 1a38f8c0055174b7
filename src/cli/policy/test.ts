/** `policy test`: unit tests of policies. */
import { dirname, join, resolve } from 'node:path'
import { loadPolicyText } from '../../policy/load.ts'
import { describeValue } from '../../policy/problem.ts'
import type { Given } from '../kit/arguments.ts'
import { FINE, type Outcome, PROBLEMS, unreadable, type World } from '../kit/outcome.ts'
import { broken } from '../kit/source.ts'
import { readCases } from './cases.ts'
import { describePlayed, type Played, play } from './run-cases.ts'

/** Plays every file of cases, whatever becomes of the others. */
export async function test({ operands }: Given, world: World): Promise<Outcome> {
  const outcomes: Outcome[] = []
  let passed = 0
  let failed = 0
  for (const file of operands) {
    const played = await playFile(file, world)
    if ('code' in played) {
      const { data } = played
      outcomes.push({ ...played, data: { file, ok: false, ...(data as object) } })
      continue
    }
    const bad = played.cases.filter(({ failure }) => failure !== null).length
    failed += bad
    passed += played.cases.length - bad
    outcomes.push(outcomeOf(file, played.cases))
  }
  const code = outcomes.reduce<Outcome['code']>((most, one) => (one.code > most ? one.code : most), FINE)
  return {
    code,
    lines: [...outcomes.flatMap(({ lines }) => lines), `${passed} passed, ${failed} failed`],
    errors: outcomes.flatMap(({ errors }) => errors),
    data: { ok: code === FINE, passed, failed, files: outcomes.map(({ data }) => data) },
  }
}

async function playFile(
  file: string,
  world: World,
): Promise<{ readonly cases: readonly Played[] } | Outcome> {
  const content = await world.read(file)
  if (!content.ok) return unreadable([{ file, reason: content.reason }])
  const read = readCases(content.bytes)
  if (!read.ok) return broken(file, read.problems)
  const folder = file === '-' ? '.' : dirname(file)
  const source = await world.read(resolve(folder, read.policy))
  if (!source.ok) {
    const found = `${describeValue(read.policy)}: ${source.reason}`
    return broken(file, [{ ...read.place, found, allowed: 'the file of a policy, relative to this one' }])
  }
  const loaded = loadPolicyText(source.bytes)
  if (!loaded.ok) return broken(join(folder, read.policy), loaded.problems)
  return { cases: read.cases.map((one) => play(loaded.policy, one)) }
}

function outcomeOf(file: string, cases: readonly Played[]): Outcome {
  const ok = cases.every(({ failure }) => failure === null)
  return {
    code: ok ? FINE : PROBLEMS,
    lines: [file, ...cases.flatMap(describePlayed)],
    errors: [],
    data: {
      file,
      ok,
      cases: cases.map(({ name, failure }) => ({ name, ok: failure === null, failure })),
    },
  }
}

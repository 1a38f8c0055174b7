/** `policy validate`: is this a policy, and if not, why. */
import { type KnownTools, nothingKnown } from '../../policy/known-tools.ts'
import { loadPolicyText } from '../../policy/load.ts'
import { deployedText, isDeployed, perhapsDeployed } from '../gateway/deployed.ts'
import { knownAtGateway } from '../gateway/gateway-tools.ts'
import type { Given } from '../kit/arguments.ts'
import {
  type Content,
  describeUnreadable,
  FINE,
  MISUSE,
  misuse,
  type Outcome,
  PROBLEMS,
  type World,
} from '../kit/outcome.ts'
import { problemData, problemLine, warningLines } from '../kit/source.ts'
import { knownToolsIn } from './known-tools.ts'

const COMMAND = 'gatehouse policy validate'

/** Checks every file, whatever is wrong with the others. */
export async function validate(given: Given, world: World): Promise<Outcome> {
  const { operands } = given
  const known = await knownTools(given, world)
  if ('failed' in known) return known.failed
  const outcomes: Outcome[] = []
  for (const file of operands) outcomes.push(await validateOne(file, known.tools, given, world))
  const code = outcomes.reduce<Outcome['code']>((most, one) => (one.code > most ? one.code : most), FINE)
  return {
    code,
    lines: outcomes.flatMap(({ lines }) => lines),
    errors: outcomes.flatMap(({ errors }) => errors),
    data: { ok: code === FINE, files: outcomes.map(({ data }) => data) },
  }
}

/** Checks a file, or a policy of the gateway, whose lines are those that `policy show` prints. */
async function validateOne(file: string, known: KnownTools, given: Given, world: World): Promise<Outcome> {
  if (!isDeployed(file)) return perhapsDeployed(file, validateContent(file, await world.read(file), known))
  const got = await deployedText({ command: COMMAND, word: file }, given, world)
  if ('failed' in got) return { ...got.failed, data: { file, ok: false, ...(got.failed.data as object) } }
  return validateContent(file, { ok: true, bytes: new TextEncoder().encode(got.text) }, known)
}

/** Collects the tools that the policies are checked against. */
async function knownTools(
  given: Given,
  world: World,
): Promise<{ readonly tools: KnownTools } | { readonly failed: Outcome }> {
  const list = given.values.get('tools')
  const isAsked = given.switches.has('gateway')
  if (list === undefined) return isAsked ? knownAtGateway(COMMAND, given, world) : { tools: nothingKnown }
  if (!isAsked) return knownToolsIn(COMMAND, list, world)
  return { failed: misuse(COMMAND, [{ found: '--tools and --gateway', allowed: 'one of them' }]) }
}

/** Validates one file and reports every problem and warning. */
export function validateContent(file: string, content: Content, known: KnownTools): Outcome {
  if (!content.ok) {
    const { reason } = content
    const errors = [describeUnreadable(file, reason)]
    return { code: MISUSE, lines: [], errors, data: { file, ok: false, unreadable: reason } }
  }
  const loaded = loadPolicyText(content.bytes, known)
  if (!loaded.ok) {
    return {
      code: PROBLEMS,
      lines: loaded.problems.map((problem) => problemLine(file, problem)),
      errors: [],
      data: { file, ok: false, problems: loaded.problems.map(problemData) },
    }
  }
  const { dialect, warnings, unchecked, off } = loaded
  const data = { file, ok: true, dialect, warnings: warnings.map(problemData) }
  return {
    code: FINE,
    lines: [`${file}: OK, ${dialect} dialect`, ...warningLines(file, loaded)],
    errors: [],
    data: {
      ...data,
      ...(unchecked.length === 0 ? {} : { unchecked }),
      ...(off.length === 0 ? {} : { off }),
    },
  }
}

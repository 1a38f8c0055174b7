/** `policy validate`: is this a policy, and if not, why. */
import { loadPolicyText } from '../policy/load.ts'
import type { Given } from './arguments.ts'
import {
  type Content,
  describeUnreadable,
  FINE,
  MISUSE,
  type Outcome,
  PROBLEMS,
  type World,
} from './outcome.ts'
import { problemData, problemLine } from './source.ts'

/** Checks every file, whatever is wrong with the others. */
export async function validate({ operands }: Given, world: World): Promise<Outcome> {
  const outcomes: Outcome[] = []
  for (const file of operands) outcomes.push(validateContent(file, await world.read(file)))
  const code = outcomes.reduce<Outcome['code']>((most, one) => (one.code > most ? one.code : most), FINE)
  return {
    code,
    lines: outcomes.flatMap(({ lines }) => lines),
    errors: outcomes.flatMap(({ errors }) => errors),
    data: { ok: code === FINE, files: outcomes.map(({ data }) => data) },
  }
}

/** What there is to say of one file. */
export function validateContent(file: string, content: Content): Outcome {
  if (!content.ok) {
    const { reason } = content
    const errors = [describeUnreadable(file, reason)]
    return { code: MISUSE, lines: [], errors, data: { file, ok: false, unreadable: reason } }
  }
  const loaded = loadPolicyText(content.bytes)
  if (!loaded.ok) {
    return {
      code: PROBLEMS,
      lines: loaded.problems.map((problem) => problemLine(file, problem)),
      errors: [],
      data: { file, ok: false, problems: loaded.problems.map(problemData) },
    }
  }
  const { dialect, warnings } = loaded
  return {
    code: FINE,
    lines: [
      `${file}: OK, ${dialect} dialect`,
      ...warnings.map((warning) => problemLine(file, warning, 'warning: ')),
    ],
    errors: [],
    data: { file, ok: true, dialect, warnings: warnings.map(problemData) },
  }
}

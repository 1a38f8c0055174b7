/** `policy validate`: is this a policy, and if not, why. */
import { loadPolicyText } from '../policy/load.ts'
import type { KnownTools } from '../policy/warnings.ts'
import type { Given } from './arguments.ts'
import { knownToolsIn } from './known-tools.ts'
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

const COMMAND = 'gatehouse policy validate'

/** Checks every file, whatever is wrong with the others. */
export async function validate({ operands, values }: Given, world: World): Promise<Outcome> {
  const list = values.get('tools')
  const known = list === undefined ? { tools: new Map() } : await knownToolsIn(COMMAND, list, world)
  if ('failed' in known) return known.failed
  const outcomes: Outcome[] = []
  for (const file of operands) outcomes.push(validateContent(file, await world.read(file), known.tools))
  const code = outcomes.reduce<Outcome['code']>((most, one) => (one.code > most ? one.code : most), FINE)
  return {
    code,
    lines: outcomes.flatMap(({ lines }) => lines),
    errors: outcomes.flatMap(({ errors }) => errors),
    data: { ok: code === FINE, files: outcomes.map(({ data }) => data) },
  }
}

/** What there is to say of one file. */
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

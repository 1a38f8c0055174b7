/** `${NAME}` in header values: out of the environment, and nowhere else written. */
import { describeProblem, pointer } from '../../policy/problem.ts'
import type { World } from './outcome.ts'

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g

/** Headers with what their `${NAME}` stand for; anything that is no text stays as it is. No problem quotes a value. */
export function withVariables(
  headers: unknown,
  { variable }: Pick<World, 'variable'>,
): { readonly headers: unknown; readonly problems: readonly string[] } {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers))
    return { headers, problems: [] }
  const problems: string[] = []
  const read = Object.entries(headers as Record<string, unknown>).map(([name, value]) => {
    if (typeof value !== 'string') return [name, value] as const
    const filled = value.replace(REFERENCE, (reference, called: string) => {
      const found = variable(called)
      if (found !== undefined) return found
      const allowed = 'variables that are set in the environment, and not empty'
      problems.push(describeProblem({ pointer: pointer('headers', name), found: reference, allowed }))
      return ''
    })
    return [name, filled] as const
  })
  return { headers: Object.fromEntries(read), problems }
}

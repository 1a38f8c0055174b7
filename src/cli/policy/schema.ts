/** `policy schema`: the JSON Schema of a dialect, for editors. */
import { dialects } from '../../policy/dialect.ts'
import { describeValue } from '../../policy/problem.ts'
import { hostedSchema, ruleSchema, shortSchema } from '../../policy/schema.ts'
import { nearest } from '../../policy/spelling.ts'
import type { Given } from '../kit/arguments.ts'
import { fine, misuse, type Outcome } from '../kit/outcome.ts'

const schemas = new Map<string, () => object>(
  Object.entries({ hosted: hostedSchema, rule: ruleSchema, short: shortSchema }),
)

/** Prints the JSON Schema of a dialect. */
export async function schema({ operands: [dialect = ''] }: Given): Promise<Outcome> {
  const made = schemas.get(dialect)?.()
  if (made === undefined) {
    return misuse('gatehouse policy schema', [
      {
        found: `the unknown dialect ${describeValue(dialect)}`,
        allowed: dialects.join(', '),
        nearest: nearest(dialect, dialects),
      },
    ])
  }
  return fine(JSON.stringify(made, null, 2).split('\n'), made)
}

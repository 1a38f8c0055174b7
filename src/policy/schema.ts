/** The JSON Schema of each dialect, made from what validates it: for editors to complete and check with. */
import * as z from 'zod/v4'
import { hostedDocument } from './hosted.ts'
import { ruleDocument } from './rules.ts'
import { shortDocument } from './short.ts'

export function hostedSchema(): object {
  return schemaOf(hostedDocument, 'Gatehouse policy, hosted dialect')
}

export function ruleSchema(): object {
  return schemaOf(ruleDocument, 'Gatehouse policy, rule dialect')
}

export function shortSchema(): object {
  return schemaOf(shortDocument, 'Gatehouse policy, short dialect')
}

/** Makes a JSON Schema 2020-12. Checks that only code can make (paths, patterns, counters) are left to loading. */
function schemaOf(document: () => z.ZodType, title: string): object {
  return { title, ...z.toJSONSchema(document(), { io: 'input', reused: 'ref' }) }
}

/** Files of cases: what a policy is expected to decide. Read as strictly as policies are. */
import * as z from 'zod/v4'
import { notJson } from '../../base/json.ts'
import { name, object, refuse } from '../../policy/fragments.ts'
import { problemsOf } from '../../policy/issues.ts'
import { type Problem, pointer } from '../../policy/problem.ts'
import { readKey } from '../../policy/reading.ts'
import { readText } from '../../policy/text.ts'
import { moment } from '../kit/moment.ts'
import { verdicts } from './verdict.ts'

const MOST_REPEATS = 100_000
const REPEATS = `a whole number from 1 to ${MOST_REPEATS}`

/** The caller and the time. A case gives them for all calls of its sequence; a call may give its own. */
const context = {
  account: z.string().nullable().optional().describe('The session’s account; null for none'),
  session: z.string().nullable().optional().describe('Calls with the same words are of one session'),
  label: z.string().optional().describe('The grant’s label'),
  at: moment.optional().describe('When; a Tuesday noon, 2030-01-01T12:00:00Z, where absent'),
}

/** The text that is typed of an argument, in the form of MCP's `completion/complete`. */
export const typed = object({
  argument: object({ name: z.string(), value: z.string() }),
  context: object({ arguments: z.record(z.string(), z.string()).optional() }).optional(),
})

const call = {
  ...context,
  tool: name().optional().describe('The tool that is called; in its place:'),
  resource: z.string().optional().describe('A resource that is read, as server+uri'),
  prompt: z.string().optional().describe('A prompt, as server__name'),
  args: z.record(z.string(), z.unknown()).optional(),
  completion: typed
    .optional()
    .describe(
      'The text typed for a resource template or a prompt, in the place of args: values for it are asked for',
    ),
  annotations: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Annotations that the tool gives itself'),
  repeat: z
    .int()
    .min(1, REPEATS)
    .max(MOST_REPEATS, REPEATS)
    .optional()
    .describe('The same call so many times; each as expected'),
  expect: z.enum(verdicts),
  rule: z.string().optional().describe('The place of the rule that decides, as a JSON Pointer'),
  message: z.string().optional().describe('The text that the agent is told, in the policy’s own words'),
  shadow: z.array(z.string()).optional().describe('The places of rules that would have acted, in order'),
}

/** A case says one thing that is called or read. */
function saysOne(
  it: { tool?: unknown; resource?: unknown; prompt?: unknown; args?: unknown; completion?: unknown },
  refinement: z.core.$RefinementCtx,
): void {
  const [kind, other] = (['tool', 'resource', 'prompt'] as const).filter((name) => it[name] !== undefined)
  if (kind === undefined) refuse(refinement, 'string', null, ['tool'])
  else if (other !== undefined)
    refuse(refinement, `one of tool, resource, prompt: ${kind} stands beside it`, null, [other])
  else if (kind !== 'tool' && readKey(kind, String(it[kind])) === null) {
    refuse(refinement, kind === 'resource' ? 'server+uri' : 'server__name', null, [kind])
  }
  if (it.completion === undefined) return
  if (kind === 'tool') refuse(refinement, 'resource or prompt beside it', null, ['completion'])
  if (it.args !== undefined) refuse(refinement, 'args or completion, not both', null, ['args'])
}

const title = z.string().min(1).max(500)

const file = object({
  policy: z.string().min(1).describe('The policy’s file, relative to this one'),
  cases: z
    .array(
      z.union([
        object({ name: title, ...call }).superRefine(saysOne),
        object({
          name: title,
          ...context,
          sequence: z
            .array(object(call).superRefine(saysOne))
            .min(1, 'at least one call')
            .describe('Calls that share their counters'),
        }),
      ]),
    )
    .min(1, 'at least one case'),
})

export type Expected = z.infer<z.ZodObject<typeof call>>
export type Surroundings = z.infer<z.ZodObject<typeof context>>

/** One case: calls that share their counters, and nobody else’s. */
export interface Case {
  readonly name: string
  readonly calls: readonly Expected[]
}

export type ReadCases =
  | { readonly ok: true; readonly policy: string; readonly cases: readonly Case[]; readonly place: Place }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** The place in the file that names its policy. */
export type Place = Pick<Problem, 'pointer' | 'line' | 'column'>

/** Reads a file of cases, JSON or YAML, or names everything that is wrong with it. Never throws. */
export function readCases(bytes: Uint8Array): ReadCases {
  const { value, problems, locate } = readText(bytes)
  if (problems.length > 0) return { ok: false, problems }
  const placed = (problem: Problem): Problem => ({
    ...problem,
    ...locate(problem.pointer, problem.onName ?? false),
  })
  const foreign = notJson(value)
  if (foreign !== null) {
    const problem = { pointer: pointer(...foreign.path), found: foreign.found, allowed: 'a JSON value' }
    return { ok: false, problems: [placed(problem)] }
  }
  const parsed = file.safeParse(value)
  if (!parsed.success) return { ok: false, problems: problemsOf(parsed.error.issues, value).map(placed) }
  const { policy, cases } = parsed.data
  return {
    ok: true,
    policy,
    place: { pointer: '/policy', ...locate('/policy', false) },
    cases: cases.map((one): Case => {
      if (!('sequence' in one)) return { name: one.name, calls: [one] }
      const { name, sequence, ...around } = one
      return { name, calls: sequence.map((call) => ({ ...around, ...call })) }
    }),
  }
}

/**
 * The hosted JSON dialect: `version`, `default`, `hide`, `all_tools`, `tools`.
 *
 * Loading is all or nothing and names every problem. What a document says but this engine would not enforce
 * is a problem, never ignored: a rule that silently does nothing is worse than no rule.
 */
import * as z from 'zod/v4'
import type { Denial, Limit, Policy, ToolRules } from './model.ts'
import { scopes, windowNames } from './model.ts'
import { describeValue, type Problem, pointer } from './problem.ts'

const name = z.string().min(1).max(128)
const message = z.string().min(1).max(2_000)

const limitSchema = z.strictObject({
  counter: name,
  window: z.enum(windowNames),
  max: z.int().min(0),
  scope: z.enum(scopes).default('grant'),
  on_deny: message.optional(),
})

/** An entry without conditions always denies; conditions themselves are not part of this version. */
const denialSchema = z.strictObject({
  conditions: z.array(z.never({ error: 'no condition: this version knows unconditional denials only' })),
  on_deny: message.optional(),
})

const toolSchema = z.strictObject({
  deny_if: z.array(denialSchema).optional(),
  limits: z.array(limitSchema).optional(),
})

const documentSchema = z.strictObject({
  version: z.literal('1'),
  default: z.enum(['allow', 'deny']).default('deny'),
  hide: z.array(name).default([]),
  all_tools: z.strictObject({ limits: z.array(limitSchema).optional() }).optional(),
  tools: z.record(name, toolSchema).default({}),
})

type HostedDocument = z.infer<typeof documentSchema>
export type Loaded =
  | { readonly ok: true; readonly policy: Policy }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/**
 * Loads a parsed JSON document. Never throws, whatever it is given.
 *
 * An absent `default` means "deny": where a document is silent, we fail closed.
 */
export function loadHosted(document: unknown): Loaded {
  const parsed = documentSchema.safeParse(document)
  if (!parsed.success) {
    return { ok: false, problems: parsed.error.issues.flatMap((issue) => problemsOf(issue, document)) }
  }
  if (Object.hasOwn(parsed.data.tools, '*')) {
    const allowed = 'a tool name; limits on every tool stand under /all_tools'
    return { ok: false, problems: [{ pointer: '/tools/*', found: 'the name "*"', allowed }] }
  }
  return { ok: true, policy: compile(parsed.data) }
}

function compile(document: HostedDocument): Policy {
  const tools = new Map<string, ToolRules>()
  for (const [tool, { deny_if, limits }] of Object.entries(document.tools)) {
    const at = ['tools', tool]
    tools.set(tool, {
      rule: pointer(...at),
      denial: denialOf(deny_if ?? [], at),
      limits: limitsOf(limits ?? [], at, `tool:${tool}`),
    })
  }
  return {
    defaultAction: document.default,
    hidesAll: document.hide.includes('*'),
    hidden: new Set(document.hide),
    tools,
    allTools: limitsOf(document.all_tools?.limits ?? [], ['all_tools'], 'all'),
  }
}

function denialOf(entries: readonly z.infer<typeof denialSchema>[], at: string[]): Denial | null {
  const first = entries[0]
  return first === undefined ? null : { rule: pointer(...at, 'deny_if', 0), message: first.on_deny ?? null }
}

function limitsOf(entries: readonly z.infer<typeof limitSchema>[], at: string[], owner: string): Limit[] {
  return entries.map(({ counter, window, max, scope, on_deny }, index) => ({
    rule: pointer(...at, 'limits', index),
    counter,
    key: JSON.stringify([owner, counter, window, scope]),
    window,
    max,
    scope,
    message: on_deny ?? null,
  }))
}

function problemsOf(issue: z.core.$ZodIssue, document: unknown): Problem[] {
  const path = issue.path.map((token) => (typeof token === 'symbol' ? String(token) : token))
  const at = pointer(...path)
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        pointer: pointer(...path, key),
        found: `the unknown name ${describeValue(key)}`,
        allowed: allowedNames(path),
      }))
    case 'invalid_value':
      return [
        {
          pointer: at,
          found: describeValue(valueAt(document, path)),
          allowed: issue.values.map(describeValue).join(', '),
        },
      ]
    case 'invalid_type':
      return [
        {
          pointer: at,
          found: describeValue(valueAt(document, path)),
          allowed: expected(issue.expected, issue.message),
        },
      ]
    default:
      return [{ pointer: at, found: describeValue(valueAt(document, path)), allowed: issue.message }]
  }
}

function expected(type: string, words: string): string {
  return type === 'never' ? words : type
}

/** The names an object of this dialect may have, told from where it stands. */
function allowedNames(path: readonly (string | number)[]): string {
  const shape = path.includes('limits') ? limitSchema : path.includes('deny_if') ? denialSchema : undefined
  if (shape !== undefined) return Object.keys(shape.shape).join(', ')
  if (path[0] === 'tools') return Object.keys(toolSchema.shape).join(', ')
  if (path[0] === 'all_tools') return 'limits'
  return Object.keys(documentSchema.shape).join(', ')
}

function valueAt(document: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (value, token) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, token)
        ? (value as Record<string | number, unknown>)[token]
        : undefined,
    document,
  )
}

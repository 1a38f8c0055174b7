/**
 * The short dialect: a tool is allowed, denied or needs approval, and may have one rate. Its rate counts by
 * session, as its authors document it, unless `scope` says otherwise.
 */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import {
  conceal,
  message,
  name,
  object,
  refuse,
  scope,
  shadow,
  sliding,
  top,
  windowSeconds,
} from './fragments.ts'
import { readingSections } from './fragments-reading.ts'
import type { HostedDocument, HostedReadingEntry, HostedTool } from './hosted.ts'
import { pointer } from './problem.ts'
import { finish, newDraft, present, type Translation } from './translation.ts'

const MOST_CALLS = Number.MAX_SAFE_INTEGER

const rate = lazy(() => ({
  reason: message().optional().describe('The message for the agent'),
  rate_limit: object({
    max: z.int().min(0).max(MOST_CALLS),
    window: windowSeconds().describe('Seconds'),
    sliding: sliding(),
    scope: scope(),
  }).optional(),
  shadow: shadow(),
}))

export const shortTool = lazy(() =>
  object({
    action: z.enum(['allow', 'deny', 'require_approval']).optional(),
    ...rate(),
    conceal: conceal(),
  }).superRefine((it, context) => {
    if (it.action === 'deny' && it.rate_limit !== undefined) {
      refuse(context, '"allow" or "require_approval" beside rate_limit', null, ['action'])
    }
    if (it.shadow !== undefined && (it.action ?? 'allow') === 'allow' && it.rate_limit === undefined) {
      refuse(
        context,
        '"deny", "require_approval" or a rate_limit beside it: there is nothing to watch',
        null,
        ['shadow'],
      )
    }
  }),
)

/** An entry about reading, which cannot be made subject to approval. */
const readingEntry = lazy(() =>
  object({ action: z.enum(['allow', 'deny', 'hide']).optional(), ...rate() }).superRefine((it, context) => {
    const { action = 'allow', ...rest } = it
    const others = Object.entries(rest).filter(([, value]) => value !== undefined)
    if (action === 'hide' && others.length > 0) {
      refuse(context, 'action "hide" by itself: nothing else is looked at')
    }
    if (action === 'deny' && it.rate_limit !== undefined) {
      refuse(context, '"allow" beside rate_limit', null, ['action'])
    }
    if (it.shadow !== undefined && action === 'allow' && it.rate_limit === undefined) {
      refuse(context, '"deny" or a rate_limit beside it: there is nothing to watch', null, ['shadow'])
    }
  }),
)

export const shortDocument = lazy(() =>
  object({
    ...top(),
    version: top().version.optional(),
    default: z.enum(['allow', 'deny']).optional().describe('For tools that are not named; deny where absent'),
    all: object({ ...rate(), rate_limit: rate().rate_limit.unwrap() })
      .optional()
      .describe('A limit on every call and on reading, after all others'),
    tools: z.record(name(), shortTool()).optional().describe('One entry a tool; "*" for every call'),
    ...readingSections(readingEntry()),
  }),
)

export type ShortDocument = z.infer<ReturnType<typeof shortDocument>>

/** Translates a document that has passed its schema. */
export function translateShort(document: ShortDocument): Translation {
  const origins = new Map<string, string>()
  // The schema that it names is that of its own dialect.
  const { tools = {}, $schema: _, default: action = 'deny', all, resources, prompts, ...top } = document
  const noting = (place: string, at: string) => (list: string) => void origins.set(`${place}/${list}/0`, at)
  const entries = Object.entries(tools).map(([tool, it]): [string, HostedTool] => {
    const place = tool === '*' ? '/all_tools' : pointer('tools', tool)
    const at = pointer('tools', tool)
    for (const i of it.conceal?.keys() ?? []) origins.set(`${place}/conceal/${i}`, `${at}/conceal/${i}`)
    return [tool, { ...translateTool(it, noting(place, at)), ...present({ conceal: it.conceal }) }]
  })
  const section = (name: 'resources' | 'prompts', given: ShortDocument['resources']) =>
    given === undefined
      ? {}
      : {
          [name]: Object.fromEntries(
            Object.entries(given).map(([key, it]) => {
              const place = pointer(name, key)
              return [key, translateReading(it, noting(place, place))]
            }),
          ),
        }
  const every = entries.find(([tool]) => tool === '*')?.[1]
  const hosted: HostedDocument = {
    ...top,
    version: '1',
    default: action,
    ...(all === undefined ? {} : { all: translateTool(all, noting('/all', '/all')) }),
    ...(every === undefined ? {} : { all_tools: every }),
    tools: Object.fromEntries(entries.filter(([tool]) => tool !== '*')),
    ...section('resources', resources),
    ...section('prompts', prompts),
  }
  return { hosted, origins, problems: [] }
}

function translateReading(
  { action, ...rest }: z.infer<ReturnType<typeof readingEntry>>,
  note: (list: string) => void,
): HostedReadingEntry {
  if (action === 'hide') return { hide: true }
  return translateTool({ ...rest, ...present({ action }) }, note)
}

function translateTool(
  { action, reason, rate_limit, shadow }: z.infer<ReturnType<typeof shortTool>>,
  note: (list: string) => void,
): HostedTool {
  const draft = newDraft()
  const said = present({ on_deny: reason, shadow })
  if (action === 'deny') {
    note('deny_if')
    draft.deny_if.push({ conditions: [], ...said })
  }
  if (action === 'require_approval') {
    note('require_approval')
    draft.require_approval.push({ conditions: [], ...said })
  }
  if (rate_limit !== undefined) {
    const { max, window, sliding, scope = 'session' } = rate_limit
    note('limits')
    draft.limits.push({ counter: '_rate', window, max, scope, ...present({ sliding }), ...said })
  }
  return finish(draft)
}

/** The parts of all three dialects' schemas that are about reading. */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import { refuse } from './fragments.ts'
import type { ReadKind } from './model.ts'
import { readKey } from './reading.ts'
import type { Use } from './uses.ts'

/** The longest key; no URI is as long. */
const LONGEST_KEY = 512
/** Each may have to be compared with what is read. */
const MOST_KEYS = 500

const allowed: Readonly<Record<ReadKind, string>> = {
  resource: 'files+file:///docs/* (a server’s name, or *, then + and a URI in which * is any text), or *',
  prompt: 'notes__draft_* (a server’s name, or *, then __ and a name in which * is any text), or *',
}

function keyOf(kind: ReadKind) {
  return z
    .string()
    .min(1)
    .max(LONGEST_KEY)
    .superRefine((key, context) => {
      if (readKey(kind, key) === null) refuse(context, allowed[kind])
    })
}

const keys = lazy(() => ({ resource: keyOf('resource'), prompt: keyOf('prompt') }))

function section<E extends z.ZodType>(kind: ReadKind, entry: E) {
  return z
    .record(keys()[kind], entry)
    .superRefine((entries, context) => {
      if (Object.keys(entries).length > MOST_KEYS) refuse(context, `at most ${MOST_KEYS} entries`)
    })
    .optional()
}

/** The sections `resources` and `prompts` of a dialect whose entries are `entry`. */
export function readingSections<E extends z.ZodType>(entry: E) {
  return {
    resources: section('resource', entry).describe(
      'The resources that may be read, by server and URI. Where absent, every resource',
    ),
    prompts: section('prompt', entry).describe('Prompts, by server and name. Where absent, every prompt'),
  }
}

export const hide = lazy(() =>
  z.boolean().optional().describe('Neither listed nor read, as if it were not there'),
)

/** An entry that hides has no other member. */
export function aloneWhereHidden(it: { hide?: unknown }, context: z.core.$RefinementCtx): void {
  const others = Object.entries(it).filter(([name, value]) => name !== 'hide' && value !== undefined)
  if (it.hide === true && others.length > 0) refuse(context, 'hide by itself: nothing else is looked at')
}

/** Only tools say something of themselves. */
export function refuseToolPaths(uses: readonly Use[], context: z.core.$RefinementCtx): void {
  refusePaths('tool.', `args.<name>, completion.argument.name, ${everywhere}`, uses, context)
}

/** Only arguments of what is read are completed. */
export function refuseCompletionPaths(uses: readonly Use[], context: z.core.$RefinementCtx): void {
  refusePaths('completion.', `args.<name>, tool.annotations.<name>, ${everywhere}`, uses, context)
}

const everywhere = 'session.account, grant.label, time.hour, time.weekday'

function refusePaths(
  root: string,
  allowed: string,
  uses: readonly Use[],
  context: z.core.$RefinementCtx,
): void {
  for (const { path, at } of uses) {
    if (!path.startsWith(root)) continue
    const place = at.split('/').map((token) => (/^\d+$/.test(token) ? Number(token) : token))
    refuse(context, allowed, null, [...place, 'path'])
  }
}

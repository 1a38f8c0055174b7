/** `policy push` and whatever else is done to policies that a gateway has. */
import type { KnownTools } from '../../policy/known-tools.ts'
import { changesBetween } from '../../policy-meaning/changes.ts'
import { type Answer, type Api, changed, Ended, part } from '../gateway/api.ts'
import {
  administer,
  documentIn,
  keyOf,
  mistaken,
  ONE,
  unlessConfirmed,
  warned,
  yes,
} from '../gateway/command.ts'
import { loaded } from '../gateway/deployed.ts'
import { knownTo } from '../gateway/gateway-tools.ts'
import { member, shownList } from '../gateway/shown.ts'
import type { Given } from '../kit/arguments.ts'
import { canonical } from '../kit/canonical.ts'
import type { Command } from '../kit/command.ts'
import { FINE, fine, type Outcome, visible, type World } from '../kit/outcome.ts'
import { gatewayWords, type LoadedPolicy, policyIn, unsaid, warningLines } from '../kit/source.ts'
import { changeLines } from '../policy/diff.ts'

const PATH = '/policies'
const of = (name: string) => `${PATH}/${part(name)}`
const versionColumns = [
  member('version'),
  member('current'),
  member('created_at', 'made at'),
  member('created_by', 'by'),
  member('deleted_at', 'deleted at'),
  member('deleted_by', 'deleted by'),
  member('reason'),
]

export const policyAdminCommands: readonly Command[] = [
  administer({
    group: 'policy',
    name: 'push',
    summary: 'Make a policy of the gateway what a file says, after showing what that changes',
    operands: { names: 'NAME FILE', least: 2, most: 2 },
    options: [yes],
    changes: true,
    tells: true,
    creates: true,
    examples: [
      'gatehouse policy push readers readers.yaml',
      'gatehouse policy push readers readers.yaml --yes',
    ],
    run: push,
  }),
  administer({
    group: 'policy',
    name: 'rollback',
    summary: 'Make an earlier version of a policy the current one, after showing what that changes',
    operands: { names: 'NAME VERSION', least: 2, most: 2 },
    options: [yes],
    changes: true,
    tells: true,
    examples: ['gatehouse policy rollback readers 3 --reason "too strict"'],
    run: rollBack,
  }),
  administer({
    group: 'policy',
    name: 'list',
    summary: 'List the policies of the gateway, or the versions of one',
    operands: { names: '[NAME]', least: 0, most: 1 },
    options: [
      { name: 'deleted', value: null, help: 'those that were deleted, whose versions are on record' },
    ],
    json: 'items',
    examples: ['gatehouse policy list', 'gatehouse policy list readers', 'gatehouse policy list --deleted'],
    run: async (api, { operands: [name], switches }) =>
      name === undefined
        ? shownList(await api.all(PATH, switches.has('deleted') ? { deleted: 'true' } : {}), [
            member('name'),
            ...versionColumns.filter(([head]) => head !== 'current'),
          ])
        : shownList(await api.all(`${of(name)}/versions`), versionColumns),
  }),
  administer({
    group: 'policy',
    name: 'show',
    summary: 'Print a policy of the gateway, as JSON',
    operands: ONE,
    options: [{ name: 'version', value: 'N', help: 'an earlier one; the current one where absent' }],
    examples: ['gatehouse policy show readers > readers.json'],
    run: async (api, { operands: [name = ''], values }) => {
      const { body } = await api.get(of(name), { version: values.get('version') })
      return fine(JSON.stringify(body.policy, null, 2).split('\n'), body)
    },
  }),
  administer({
    group: 'policy',
    name: 'remove',
    summary: 'Delete a policy; its versions stay on record',
    operands: ONE,
    changes: true,
    destroys: (_api, { operands: [name = ''] }) => ({ question: `Remove the policy ${name}?` }),
    examples: ['gatehouse policy remove readers'],
    run: async (api, { operands: [name = ''] }) =>
      changed(`policy ${name} removed`, await api.delete(of(name))),
  }),
]

async function push(api: Api, given: Given, world: World): Promise<Outcome> {
  const [name = '', from = ''] = given.operands
  const { document, checked } = await readOnce(from, world)
  const next = await checked(await knownTo(api))
  const before = await api.find(of(name))
  if (before !== null && canonical(before.body.policy) === canonical(document))
    return fine(['nothing to do'], { changed: false, ...before.body })
  const was = `@${name}`
  const changes = before === null ? [] : changesBetween(loaded(api, before), next)
  const lines = before === null ? [`policy ${name} is new`] : changeLines(changes, was, from)
  const warnings = warningLines(from, next)
  warned(world, given, warnings)
  const refused = await unlessConfirmed(api, given, world, {
    lines,
    question: `Push it as ${name}?`,
    data: {
      changed: false,
      changes,
      warnings,
    },
  })
  if (refused !== null) return refused
  const pushed = await api.put(of(name), {
    body: document,
    ...(before === null ? { absent: true } : { match: before.tag }),
    ...keyOf(given),
  })
  const left = unsaid(pushed.body.warnings, new Set(gatewayWords(next)))
  const said = { ...pushed, body: { ...pushed.body, warnings: left } }
  const outcome = done(given, lines, `policy ${name} is now version ${pushed.body.version}`, said)
  return { ...outcome, data: pushed.body }
}

/** Standard input can be read once only. Throws `Ended` where it holds no policy. */
async function readOnce(
  from: string,
  world: World,
): Promise<{
  readonly document: unknown
  /** The policy, with what there is to say of its names. */
  readonly checked: (known: KnownTools) => Promise<LoadedPolicy>
}> {
  const content = await world.read(from)
  const once: World = { ...world, read: async () => content }
  const checked = async (known?: KnownTools) => {
    const policy = await policyIn(from, once, known)
    if ('failed' in policy) throw new Ended(policy.failed)
    return policy
  }
  await checked()
  return { document: await documentIn(from, once), checked }
}

async function rollBack(api: Api, given: Given, world: World): Promise<Outcome> {
  const [name = '', text = ''] = given.operands
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw mistaken(api, { found: visible(text), allowed: 'a version, from 1' })
  const version = Number(text)
  const now = await api.find(of(name))
  if (now === null) return bringBack(api, { given, world, name, version })
  if (now.body.version === version) return fine(['nothing to do'], { changed: false, ...now.body })
  // The gateway is asked, which knows both.
  const { body } = await api.get(`${of(name)}/diff`, { from: String(now.body.version), to: version })
  const changes = body.changes as Parameters<typeof changeLines>[0]
  const lines = changeLines(changes, `@${name}:${now.body.version}`, `@${name}:${version}`)
  const question = `Roll ${name} back to version ${version}?`
  const refused = await unlessConfirmed(api, given, world, {
    lines,
    question,
    data: { changed: false, changes },
  })
  if (refused !== null) return refused
  const rolled = await api.post(`${of(name)}/rollback`, { body: { version }, match: now.tag })
  return done(given, lines, `policy ${name} is now version ${rolled.body.version}`, rolled)
}

/** A policy that was deleted: what it was is what it will be, so there is nothing to compare it with. */
async function bringBack(
  api: Api,
  {
    given,
    world,
    name,
    version,
  }: {
    readonly given: Given
    readonly world: World
    readonly name: string
    readonly version: number
  },
): Promise<Outcome> {
  // Refused where no such version is on record.
  await api.get(of(name), { version })
  const question = `${name} was deleted. Bring it back, as its version ${version}?`
  const refused = await unlessConfirmed(api, given, world, {
    lines: [],
    question,
    data: { changed: false, changes: [] },
  })
  if (refused !== null) return refused
  const rolled = await api.post(`${of(name)}/rollback`, { body: { version }, absent: true })
  return done(given, [], `policy ${name} is there again, as version ${rolled.body.version}`, rolled)
}

/** Reports a change. The lines that a person was shown before the question are not printed again. */
function done({ switches }: Given, lines: readonly string[], line: string, answer: Answer): Outcome {
  const outcome = changed(line, answer)
  const shown = switches.has('yes') ? [...lines, ...outcome.lines] : outcome.lines
  return { ...outcome, lines: shown, code: FINE }
}

/** `tenant …`: the tenant itself. */
import { type Api, changed, Ended, type Json } from '../gateway/api.ts'
import { administer, file, keyOf, ONE, objectIn, secondsOf } from '../gateway/command.ts'
import { member, shownList, shownThing } from '../gateway/shown.ts'
import type { Command } from '../kit/command.ts'
import { fine, PROBLEMS, type World } from '../kit/outcome.ts'
import { mismatch, readTenantFile } from '../kit/tenant-file.ts'

const OWN = { names: '[NAME]', least: 0, most: 1 }

export const tenantCommands: readonly Command[] = [
  administer({
    group: 'tenant',
    name: 'create',
    summary: 'Create a tenant (with the root token)',
    operands: ONE,
    options: [file],
    namesTenant: true,
    changes: true,
    creates: true,
    examples: ['gatehouse tenant create acme', 'gatehouse tenant create acme --file tenant.yaml'],
    run: async (api, given, world) => {
      const { values } = given
      const from = values.get('file')
      const body = from === undefined ? {} : ((await settingsIn(api, from, world)) ?? {})
      const made = await api.put('', { body, absent: true, ...keyOf(given) })
      return changed(`tenant ${api.tenant} created`, made)
    },
  }),
  administer({
    group: 'tenant',
    name: 'set',
    summary: 'Replace a tenant’s settings',
    operands: OWN,
    options: [{ ...file, required: true }],
    namesTenant: true,
    changes: true,
    tells: true,
    examples: ['gatehouse tenant set acme --file tenant.yaml'],
    run: async (api, { values }, world) => {
      const from = values.get('file') ?? '-'
      const body = await settingsIn(api, from, world)
      // Settings are replaced as a whole: none would be those of the beginning.
      if (body === null) throw unfit([`${from}: found nothing but its name; allowed: settings`])
      const { tag } = await api.get('')
      return changed(`tenant ${api.tenant} changed`, await api.put('', { body, match: tag }))
    },
  }),
  administer({
    group: 'tenant',
    name: 'list',
    summary: 'List all tenants (with the root token)',
    ofDeployment: true,
    json: 'items',
    examples: ['gatehouse tenant list'],
    run: async (api) =>
      shownList(await api.all('/tenants'), [
        member('name'),
        member('state'),
        member('created_at', 'created'),
      ]),
  }),
  administer({
    group: 'tenant',
    name: 'show',
    summary: 'Show a tenant and its settings',
    operands: OWN,
    namesTenant: true,
    examples: ['gatehouse tenant show acme'],
    run: async (api) => shownThing((await api.get('')).body),
  }),
  administer({
    group: 'tenant',
    name: 'suspend',
    summary: 'Refuse a tenant’s agents from the next request on (with the root token)',
    operands: ONE,
    namesTenant: true,
    changes: true,
    tells: true,
    examples: ['gatehouse tenant suspend acme --reason "unpaid"'],
    run: async (api) => changed(`tenant ${api.tenant} suspended`, await api.post('/suspend')),
  }),
  administer({
    group: 'tenant',
    name: 'resume',
    summary: 'End a tenant’s suspension (with the root token)',
    operands: ONE,
    namesTenant: true,
    changes: true,
    tells: true,
    examples: ['gatehouse tenant resume acme'],
    run: async (api) => changed(`tenant ${api.tenant} resumed`, await api.post('/resume')),
  }),
  administer({
    group: 'tenant',
    name: 'delete',
    summary:
      'Delete a tenant with everything that it has (with the root token); ask again to see how far it is',
    operands: ONE,
    options: [
      {
        name: 'wait',
        value: 'DURATION',
        help: 'what Legiti does not take by then is lost, such as 12h; three days if absent',
      },
    ],
    namesTenant: true,
    changes: true,
    destroys: ({ tenant }) => ({
      question: `Delete the tenant ${tenant} with everything that it has?`,
      lines: [
        'Its audit trail goes with it. To keep it, answer no and export it first:',
        `  gatehouse audit export --tenant ${tenant} > ${tenant}.ndjson`,
      ],
    }),
    examples: ['gatehouse tenant delete acme', 'gatehouse tenant delete acme --wait 0 --yes'],
    run: async (api, given) => {
      const wait = secondsOf(api, given, 'wait')
      const { body } = await api.delete('', { query: { wait_seconds: wait } })
      if (body.deleted === true) {
        const lost = Number(body.events_lost)
        return fine(
          [
            `tenant ${api.tenant} is gone${lost > 0 ? `; ${lost} events that nobody was told of are lost` : ''}`,
          ],
          body,
        )
      }
      const { by, principals } = body.deletion as { by: string; principals: number }
      return fine(
        [`tenant ${api.tenant} is on the way out: ${principals} grants left, by ${by} at the latest`],
        body,
      )
    },
  }),
]

/** Settings out of a file that `apply` takes as well: it may say whose they are. Null: it says nothing else. */
async function settingsIn(api: Api, from: string, world: World): Promise<Json | null> {
  const file = readTenantFile(await objectIn(api, from, world))
  const other = mismatch(from, file, api.tenant)
  const problems = [
    ...file.problems.map((problem) => `${from}: ${problem}`),
    ...(other === null ? [] : [other]),
  ]
  if (problems.length > 0) throw unfit(problems)
  return file.settings as Json | null
}

function unfit(problems: readonly string[]): Ended {
  return new Ended({ code: PROBLEMS, lines: [], errors: problems, data: { errors: problems } })
}

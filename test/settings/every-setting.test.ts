/** Every setting that a document or the deployment takes has an effect that a test would miss: `proofs.ts` names it. */
import { describe, expect, test } from 'vitest'
import { api } from '../../src/admin/api.ts'
import { openApi } from '../../src/admin/openapi.ts'
import { hostedSchema, ruleSchema, shortSchema } from '../../src/policy/schema.ts'
import { notes, proofs } from './proofs.ts'
import { settingsOf } from './settings-of.ts'

const tests = import.meta.glob<string>('../**/*.test.ts', { query: '?raw', import: 'default', eager: true })
/** Bindings, and variables and secrets. */
const environment = Object.values(
  import.meta.glob<string>('../../src/{contract/env,base/settings}.ts', {
    query: '?raw',
    import: 'default',
    eager: true,
  }),
).join('\n')

/** What a document is of, by the route that takes it. */
const documents: Readonly<Record<string, string>> = {
  'put /tenants/{tenant}': 'tenant',
  'put /tenants/{tenant}/grants/{name}': 'grant',
  'post /tenants/{tenant}/grants/{name}/rotate': 'grant.rotate',
  'post /tenants/{tenant}/grants/{grant}/sessions/end': 'grant.sessions.end',
  'post /tenants/{tenant}/sessions/end': 'sessions.end',
  'put /tenants/{tenant}/servers/{name}': 'server',
  'put /tenants/{tenant}/people/{name}': 'person',
  'post /tenants/{tenant}/people/{name}/token': 'person.token',
  'put /tenants/{tenant}/secrets/{name}': 'secret',
  'put /tenants/{tenant}/webhooks/{name}': 'webhook',
  'post /tenants/{tenant}/webhooks/{name}/rotate': 'webhook.rotate',
  'post /tenants/{tenant}/policies/{name}/rollback': 'policy.rollback',
  'post /tenants/{tenant}/audit/verify': 'audit.verify',
  'post /tenants/{tenant}/approvals/{id}': 'approval',
}

type Schema = Readonly<Record<string, unknown>>

/** Everything that a route's body may say; one that no name is known for stands under its route, and so without a proof. */
function ofRoutes(): string[] {
  return Object.entries(openApi(api()).paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { requestBody }]) => {
      const content = (requestBody?.content ?? {}) as Readonly<Record<string, { readonly schema?: Schema }>>
      const schema = content['application/json']?.schema
      const route = `${method} ${path.replace('/api/v1', '')}`
      return schema === undefined
        ? []
        : settingsOf(schema).map((setting) => `${documents[route] ?? route} ${setting}`)
    }),
  )
}

const dialects: Readonly<Record<string, object>> = {
  hosted: hostedSchema(),
  rule: ruleSchema(),
  short: shortSchema(),
}
const ofPolicies = Object.entries(dialects).flatMap(([dialect, schema]) =>
  settingsOf(schema as Schema).map((setting) => `policy ${dialect} ${setting}`),
)
const ofDeployment = [...environment.matchAll(/^ {2}readonly ([A-Z_]+)\??:/gm)].map(
  ([, name]) => `env ${name}`,
)
const settings = [...ofRoutes(), ...ofPolicies, ...ofDeployment]

describe('settings', () => {
  test('are found at all', () => {
    for (const known of ['tenant sessions.idle_seconds', 'policy hosted tools.*.limits[].max', 'env DEMO'])
      expect(settings).toContain(known)
  })

  test('have a proof each', () => {
    const without = settings.filter((it) => !notes.test(it) && !proofs.some(({ of }) => of.test(it)))
    expect(without).toEqual([])
  })

  test('are what each proof is of', () => {
    const idle = proofs.filter(({ of }) => !settings.some((it) => of.test(it)))
    expect(idle.map(({ of }) => String(of))).toEqual([])
  })
})

test('every proof is a test that there is', () => {
  const missing = proofs.filter(
    ({ file, title }) =>
      !(tests[`../${file}`] ?? tests[`./${file.replace('settings/', '')}`] ?? '').includes(title),
  )
  expect(missing.map(({ file, title }) => `${file}: ${title}`)).toEqual([])
})

test('what is inside itself, or in one of several forms, is found once', () => {
  const schema = {
    type: 'object',
    properties: {
      a: { type: 'string' },
      b: { anyOf: [{ type: 'null' }, { type: 'array', items: { $ref: '#/$defs/c' } }] },
    },
    additionalProperties: { type: 'object', properties: { d: { type: 'integer' } } },
    $defs: { c: { type: 'object', properties: { e: { type: 'string' }, again: { $ref: '#/$defs/c' } } } },
  }
  expect(settingsOf(schema)).toEqual(['*.d', 'a', 'b', 'b[].e'])
})

/** The description of the administration API says what is served, no more and no less. */
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import { api } from '../../src/admin/api.ts'
import { door } from '../../src/admin/door.ts'
import { type OpenApi, openApi } from '../../src/admin/openapi.ts'
import { app, router } from '../../src/app.ts'

const described = openApi(api())
const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
)
const key = (method: string, path: string) => `${method.toUpperCase()} ${path}`

async function get(path: string): Promise<Response> {
  const context = { waitUntil: () => {}, passThroughOnException: () => {} } as unknown as ExecutionContext
  return await app.fetch(new Request(`https://gate.example${path}`), env, context)
}

describe('OpenAPI', () => {
  test('has every route that is served, and none that is not', () => {
    const served = [...router.routes, ...door().routes]
      .filter(({ method, path }) => path.startsWith('/api/') && method !== 'ALL')
      .map(({ method, path }) => key(method, path.replace(/:([a-z]+)/g, '{$1}')))
    expect(operations.map(({ method, path }) => key(method, path)).sort()).toEqual(served.sort())
    expect(new Set(served).size).toBe(served.length)
  })

  test('is served to everybody, as JSON and as a page that loads nothing', async () => {
    const json = await get('/api/v1/openapi.json')
    expect(await json.json<OpenApi>()).toEqual(JSON.parse(JSON.stringify(described)))
    const page = await get('/api/v1/docs')
    const html = await page.text()
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(html).not.toMatch(/<(script|img|link|iframe)|url\(|src=|@import/)
    for (const { path } of operations) expect(html).toContain(`<code>${path}</code>`)
  })

  test('names every operation once, and every name of a path', () => {
    const ids = operations.map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { path, operation } of operations) {
      const inPath = [...path.matchAll(/{([a-z]+)}/g)].map(([, name]) => name)
      const named = operation.parameters.filter((one) => one.in === 'path').map(({ name }) => name)
      expect(named, path).toEqual(inPath)
    }
  })

  test('refers to nothing that is not there', () => {
    const text = JSON.stringify(described)
    const references = [...text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, to]) => to ?? '')
    expect(references.length).toBeGreaterThan(0)
    for (const reference of new Set(references)) {
      const found = reference
        .split('/')
        .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], described)
      expect(found, reference).toBeDefined()
    }
  })

  test('every operation says what it answers, and who may ask', () => {
    for (const { path, method, operation } of operations) {
      const answers = Object.keys(operation.responses).filter((status) => status < '400')
      expect(answers, key(method, path)).not.toEqual([])
      expect(operation.summary, key(method, path)).toMatch(/^[A-Z].*[^.]$/)
      if (operation['x-gatehouse-role'] !== 'public')
        expect(operation.responses, key(method, path)).toHaveProperty('401')
    }
  })
})

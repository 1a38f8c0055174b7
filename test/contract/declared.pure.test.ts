/** What servers declare, and what they are therefore asked. */
import { describe, expect, test } from 'vitest'
import { declaredIn, declaredNotifications, neededFor } from '../../src/contract/declared.ts'

describe('a server has declared', () => {
  test.each<readonly [unknown, readonly string[]]>([
    [undefined, []],
    [{}, []],
    [{ tools: null, prompts: false, resources: 'yes' }, []],
    [{ tools: {} }, ['tools']],
    [{ tools: true }, ['tools']],
    [{ tools: { listChanged: true } }, ['tools', 'tools.listChanged']],
    [{ tools: { listChanged: 'true' } }, ['tools']],
    [{ resources: { subscribe: true, listChanged: false } }, ['resources', 'resources.subscribe']],
    [{ logging: {}, completions: {}, prompts: {} }, ['prompts', 'completions', 'logging']],
    [{ experimental: { tools: {} } }, []],
  ])('in %j: %j', (given, declared) => {
    expect(declaredIn(given, '2025-11-25')).toEqual(declared)
  })

  test('completions by being of a revision that has no word for them', () => {
    expect(declaredIn({ prompts: {} }, '2024-11-05')).toEqual(['prompts', 'completions'])
    expect(declaredIn({ prompts: {} }, '2025-03-26')).toEqual(['prompts'])
  })
})

test('requests need what they are about, and some need nothing', () => {
  expect(neededFor('resources/templates/list')).toBe('resources')
  expect(neededFor('resources/unsubscribe')).toBe('resources.subscribe')
  expect(neededFor('completion/complete')).toBe('completions')
  for (const method of ['ping', 'initialize', 'server/discover', 'constructor', ''])
    expect(neededFor(method)).toBeNull()
})

test('a subscription is of what can be told', () => {
  const notifications = { toolsListChanged: true, resourceSubscriptions: ['a:b'], 'x-own': 1 }
  expect(declaredNotifications(notifications, ['tools.listChanged'])).toEqual({
    toolsListChanged: true,
    'x-own': 1,
  })
  expect(declaredNotifications(notifications, ['resources.subscribe'])).toEqual({
    resourceSubscriptions: ['a:b'],
    'x-own': 1,
  })
  expect(declaredNotifications(notifications, [])).toEqual({ 'x-own': 1 })
  expect(declaredNotifications(notifications, null)).toEqual(notifications)
})

/** Tasks are left out of what either side says. */
import { expect, test } from 'vitest'
import {
  capabilitiesWithoutTasks,
  introductionWithoutTasks,
  paramsWithoutTasks,
} from '../../src/request/tasks.ts'

const capabilities = {
  tasks: { list: {} },
  tools: {},
  extensions: { 'io.modelcontextprotocol/tasks': {}, x: {} },
}
const without = { tools: {}, extensions: { x: {} } }
const KEY = 'io.modelcontextprotocol/clientCapabilities'

test('capabilities', () => {
  expect(capabilitiesWithoutTasks(capabilities)).toEqual(without)
  expect(capabilitiesWithoutTasks({ tasks: {} })).toEqual({})
  const other = { tools: {}, extensions: { x: {} } }
  expect(capabilitiesWithoutTasks(other)).toBe(other)
})

test('requests', () => {
  expect(paramsWithoutTasks({ name: 'a', task: { ttl: 1 }, _meta: { [KEY]: capabilities, y: 1 } })).toEqual({
    name: 'a',
    _meta: { [KEY]: without, y: 1 },
  })
  expect(paramsWithoutTasks({ notifications: { taskIds: ['t1'], toolsListChanged: true } })).toEqual({
    notifications: { toolsListChanged: true },
  })
  const other = { name: 'a', arguments: { task: 1, taskIds: [] }, _meta: { [KEY]: {} } }
  expect(paramsWithoutTasks(other)).toBe(other)
})

test('introductions', () => {
  const message = (declared: object) => ({
    jsonrpc: '2.0' as const,
    id: 1,
    result: { capabilities: declared, v: 1 },
  })
  expect(introductionWithoutTasks(message(capabilities))).toEqual(message(without))
  const refused = { jsonrpc: '2.0' as const, id: 1, error: { code: -32_601, message: 'no' } }
  expect(introductionWithoutTasks(refused)).toBe(refused)
})

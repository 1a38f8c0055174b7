import { expect, test } from 'vitest'
import { includes, type Role, roles } from '../../src/contract/roles.ts'

const may = (own: Role) => roles.filter((needed) => includes(own, needed))

test('a role may do what is its own, and what everybody may', () => {
  expect(Object.fromEntries(roles.map((own) => [own, may(own)]))).toEqual({
    viewer: ['viewer'],
    policy_manager: ['viewer', 'policy_manager'],
    approver: ['viewer', 'approver'],
    admin: ['viewer', 'policy_manager', 'approver', 'admin'],
    root: ['viewer', 'policy_manager', 'approver', 'admin', 'root'],
  })
})

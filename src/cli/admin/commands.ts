/** Every command that asks the administration API, but for those of policies. */
import type { Command } from '../kit/command.ts'
import { approvalCommands } from './approvals.ts'
import { auditCommands } from './audit.ts'
import { grantCommands } from './grants.ts'
import { outboxCommands } from './outbox.ts'
import { personCommands } from './people.ts'
import { secretCommands } from './secrets.ts'
import { serverCommands } from './servers.ts'
import { sessionCommands } from './sessions.ts'
import { tenantCommands } from './tenants.ts'
import { webhookCommands } from './webhooks.ts'

export const adminCommands: readonly Command[] = [
  ...tenantCommands,
  ...serverCommands,
  ...grantCommands,
  ...personCommands,
  ...secretCommands,
  ...sessionCommands,
  ...approvalCommands,
  ...webhookCommands,
  ...auditCommands,
  ...outboxCommands,
]

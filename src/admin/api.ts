/** All routes of the administration API: add a part here and it is served and described. */

import { lazy } from '../base/lazy.ts'
import { approvalRoutes } from './approvals.ts'
import { auditRoutes } from './audit.ts'
import { descriptionRoutes } from './description.ts'
import { directoryRoutes } from './directory.ts'
import { grantRoutes } from './grants.ts'
import { originRoutes } from './origins.ts'
import { outboxRoutes } from './outbox.ts'
import { peopleRoutes } from './people.ts'
import { policyRoutes } from './policies.ts'
import type { Route } from './route.ts'
import { secretRoutes } from './secrets.ts'
import { serverRoutes } from './servers.ts'
import { sessionRoutes } from './sessions.ts'
import { tenantRoutes } from './tenants.ts'
import { toolRoutes } from './tools.ts'
import { webhookRoutes } from './webhooks.ts'
import { whoamiRoutes } from './whoami.ts'

export const api = lazy((): readonly Route[] => [
  ...directoryRoutes(),
  ...tenantRoutes(),
  ...peopleRoutes(),
  ...secretRoutes(),
  ...serverRoutes(),
  ...toolRoutes(),
  ...originRoutes(),
  ...policyRoutes(),
  ...grantRoutes(),
  ...outboxRoutes(),
  ...sessionRoutes(),
  ...auditRoutes(),
  ...approvalRoutes(),
  ...webhookRoutes(),
  ...whoamiRoutes(),
  ...descriptionRoutes(api),
])

/** What stands in place of a policy's rule where a call is refused for a reason of the gateway's own. */
import type { StoppedCall } from './principal.ts'

/** Of an approved call that does not go on. */
export const stoppedRules: Readonly<Record<StoppedCall, string>> = {
  exhausted: '(asked too often)',
  late: '(approval expired)',
}

export const refusalRules = {
  deadSession: '(session ended)',
  manySessions: '(too many sessions)',
  outboxFull: '(outbox full)',
  manyApprovals: '(too many approvals)',
  suspended: '(suspended)',
  unavailable: '(unavailable)',
  /** The credential is not good, whatever is wrong with it. */
  token: '(token)',
  noToken: '(no token)',
  origin: '(origin)',
  /** The request cannot be understood, or asks for what there is not. */
  request: '(request)',
  unknownServer: '(unknown server)',
} as const

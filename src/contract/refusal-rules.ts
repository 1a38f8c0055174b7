/** Names that stand in place of a policy's rule where the gateway refuses a call for a reason of its own. */
import type { StoppedCall } from './principal.ts'

/** The same for an approved call that does not go on. */
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

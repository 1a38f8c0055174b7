/** Which runs of the suite a reference server must pass through the gateway, and what it passes by itself. */
import type { Reference } from './reference/reference.ts'
import { startSessionEra } from './reference/session-era.ts'
import { startBothEras, startStatelessEra } from './reference/stateless-era.ts'
import type { Run } from './scenarios.ts'

export interface UpstreamRun {
  readonly name: string
  readonly suite: Run['suite']
  readonly revision: Run['revision']
  /** Options of the suite's command line that choose the scenarios. */
  readonly options: readonly string[]
  readonly upstreams: readonly Upstream[]
  /** How many checks each of them passes when it is asked directly. */
  readonly passes: number
  /** Scenarios in which none of them passes all, and why. */
  readonly shortOf: Readonly<Record<string, string>>
}

export interface Upstream {
  readonly name: string
  readonly start: () => Promise<Reference>
  /** Checks that this server cannot pass, and why. */
  readonly cannot?: Readonly<Record<string, string>>
}

const bothEras: Upstream = { name: 'a server of both eras', start: startBothEras }
const sessionEra: readonly Upstream[] = [
  { name: 'a server of the session era', start: startSessionEra },
  bothEras,
]
const statelessEra: readonly Upstream[] = [
  { name: 'a server of the stateless era', start: startStatelessEra },
  {
    name: 'a server that streams every answer',
    start: () => startStatelessEra({ responseMode: 'sse' }),
    cannot: {
      'sep-2575-missing-capability-http-400':
        'a stream has begun with 200 before the tool says what it needs',
    },
  },
  bothEras,
]

const tasks = 'of the tasks extension, which the reference server does not offer'

export const upstreamRuns: readonly UpstreamRun[] = [
  {
    name: 'suite 0.1.16',
    suite: 'conformance-2025',
    revision: '2025-11-25',
    // The active ones, and the two that this version of the suite calls pending.
    options: ['--suite', 'all'],
    upstreams: sessionEra,
    passes: 44,
    shortOf: {
      'server-sse-polling':
        'says that it speaks 2025-03-26, whose clients cannot take the event that opens a resumable stream',
    },
  },
  {
    name: 'suite 0.2.0-alpha.12, requirements 2025-11-25',
    suite: 'conformance-2026',
    revision: '2025-11-25',
    options: ['--requirements', '2025-11-25'],
    upstreams: sessionEra,
    passes: 84,
    shortOf: {},
  },
  {
    name: 'suite 0.2.0-alpha.12, requirements 2026-07-28',
    suite: 'conformance-2026',
    revision: '2026-07-28',
    options: ['--requirements', '2026-07-28'],
    upstreams: statelessEra,
    // 152 of what the revision asks for, and 12 that a server without tasks passes in the scenarios of tasks.
    passes: 164,
    shortOf: Object.fromEntries(
      [
        'tasks-lifecycle',
        'tasks-capability-negotiation',
        'tasks-wire-fields',
        'tasks-request-state-removal',
        'tasks-mrtr-input',
        'tasks-request-headers',
        'tasks-dispatch-and-envelope',
        'tasks-status-notifications',
        'tasks-required-task-error',
        'tasks-mrtr-composition',
      ].map((name) => [name, tasks]),
    ),
  },
]

/** Test files that take long begin first, so that the run does not end with one of them alone; and which did is printed. */
import type { Reporter, TestModule, TestSpecification } from 'vitest/node'
import { BaseSequencer } from 'vitest/node'

/** As the last lines of a run have them, the longest first. */
const KNOWN = [
  'test/cli/apply.node.test.ts',
  'test/runtime/isolates.node.test.ts',
  'test/faults/flat-memory.node.test.ts',
  'test/faults/backchannel-survives.node.test.ts',
  'test/faults/audit-survives.node.test.ts',
  'test/conformance/upstream.node.test.ts',
  'test/conformance/conformance.node.test.ts',
  'test/faults/broken-streams.node.test.ts',
  'test/tenant/work/telling.test.ts',
] as const
const SHOWN = 12

/** Vitest's own order, with those that are known to take long before all others. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const rankOf = ({ moduleId }: TestSpecification) => {
      const rank = KNOWN.findIndex((name) => moduleId.endsWith(`/${name}`))
      return rank === -1 ? KNOWN.length : rank
    }
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b))
  }
}

/** Prints which test files took longest, once all are through. */
export default class Longest implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const taken = modules.map((it) => {
      const { setupDuration, collectDuration, duration } = it.diagnostic()
      return { name: it.relativeModuleId, seconds: (setupDuration + collectDuration + duration) / 1_000 }
    })
    if (taken.length <= SHOWN) return
    const longest = taken.toSorted((a, b) => b.seconds - a.seconds).slice(0, SHOWN)
    console.log('\n Took longest')
    for (const { name, seconds } of longest) console.log(`${seconds.toFixed(1).padStart(8)} s  ${name}`)
  }
}

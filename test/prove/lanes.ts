/** Tries a property many times in lanes side by side, each with a seed of its own that is made of one. */
import fc from 'fast-check'

export interface Proof {
  readonly name: string
  readonly seed: number
  /** How often it was tried. */
  readonly runs: number
  readonly ms: number
  /** What was wrong, and the smallest case of it that was found; empty where the property held. */
  readonly failures: readonly string[]
}

export interface Trials {
  readonly name: string
  /** From this the cases are made: the same seed, runs and lanes make the same cases. */
  readonly seed: number
  readonly runs: number
  readonly lanes: number
}

/** @param property of one lane; it throws what is wrong */
export async function prove<T>(
  { name, seed, runs, lanes }: Trials,
  property: (lane: number) => {
    readonly cases: fc.Arbitrary<T>
    readonly holds: (value: T) => Promise<void>
  },
): Promise<Proof> {
  const started = performance.now()
  const inLane = async (lane: number): Promise<{ runs: number; failure: string | null }> => {
    const { cases, holds } = property(lane)
    const found = await fc.check(fc.asyncProperty(cases, holds), {
      seed: seed + lane,
      numRuns: Math.ceil(runs / lanes),
      // A smaller case is worth some tries, not an hour.
      interruptAfterTimeLimit: 20 * 60_000,
    })
    if (!found.failed) return { runs: found.numRuns, failure: null }
    const failure = [
      `${name}: seed ${found.seed}, path ${found.counterexamplePath}, after ${found.numRuns} runs and ${found.numShrinks} smaller cases`,
      `  case ${JSON.stringify(found.counterexample)}`,
      `  ${String(found.errorInstance instanceof Error ? found.errorInstance.message : found.errorInstance)}`,
    ].join('\n')
    return { runs: found.numRuns, failure }
  }
  const done = await Promise.all(Array.from({ length: lanes }, (_, lane) => inLane(lane)))
  return {
    name,
    seed,
    runs: done.reduce((sum, it) => sum + it.runs, 0),
    ms: performance.now() - started,
    failures: done.flatMap(({ failure }) => (failure === null ? [] : [failure])),
  }
}

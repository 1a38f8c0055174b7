/**
 * Starts to measure the processor time of this process, in milliseconds. A test that says how work grows takes it in place of
 * time by the clock, which other work on the machine lengthens.
 */
export function processorClock(): () => number {
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000
  }
}

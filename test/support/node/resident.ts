/** How much memory a process has, as Linux tells it. */
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'

/** Why it cannot be told here, or null when it can. */
export const residentMissing: string | null = existsSync('/proc/self/clear_refs')
  ? null
  : `${process.platform} does not tell the peak of a process's memory`

/** Resident memory in bytes, now and at most since `forgetPeak`. */
export interface Resident {
  readonly now: number
  readonly peak: number
}

export async function resident(pid: number): Promise<Resident> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const bytes = (key: string) => 1_024 * Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1])
  return { now: bytes('VmRSS'), peak: bytes('VmHWM') }
}

/** The peak begins anew, at what the process has now (proc(5), clear_refs). */
export async function forgetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5')
}

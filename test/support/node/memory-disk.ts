/**
 * Keeps temporary files of the tests in memory, where there is such a folder with room. Gateways wait there for no disk, which nearly halves
 * how long tests take that store something. Nothing is proved less: programs are killed, never the machine, and what a killed program has
 * written stays in either. `TMPDIR`, where it is set, holds.
 */
import { accessSync, constants, statfsSync } from 'node:fs'

const FOLDER = '/dev/shm'
/** Far more than all tests keep at once. In a container it is often 64 MB, which is too little. */
const LEAST_FREE_BYTES = 4 * 1_073_741_824

/** Has this process, and those that it starts, make temporary files there. */
export function useMemoryDisk(): void {
  if (process.env.TMPDIR === undefined && hasRoom()) process.env.TMPDIR = FOLDER
}

function hasRoom(): boolean {
  try {
    accessSync(FOLDER, constants.W_OK)
    const { bavail, bsize } = statfsSync(FOLDER)
    return bavail * bsize >= LEAST_FREE_BYTES
  } catch {
    return false
  }
}

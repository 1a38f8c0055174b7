/** The time that one object is waited for; it may do the work all the same, and does it once where it is asked twice. */
const ANSWER_WITHIN_MS = 10_000

/** Waits for another object's answer. Throws when that takes too long. */
export async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('another object did not answer in time')), ANSWER_WITHIN_MS)
  })
  try {
    return await Promise.race([work, tooLong])
  } finally {
    clearTimeout(timer)
  }
}

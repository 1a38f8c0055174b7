/** What is waited for one object; it may be done all the same, and whoever is asked twice does it once. */
const PATIENCE_MS = 10_000

/** What another object answers. Throws when that takes too long. */
export async function patiently<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('another object did not answer in time')), PATIENCE_MS)
  })
  try {
    return await Promise.race([work, tooLong])
  } finally {
    clearTimeout(timer)
  }
}

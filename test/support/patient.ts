/**
 * How long a test waits for what comes by itself: for `vi.waitFor` and `vi.waitUntil`, whose own second is over on a busy machine. What has
 * come is seen at once, so only a test that fails takes as long.
 */
export const PATIENT = { timeout: 30_000 } as const

/** Tells whether two digests are the same, in a time that does not tell where they differ. Their lengths are no secret. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && crypto.subtle.timingSafeEqual(a, b)
}

/** SHA-256 (FIPS 180-4) of a text's UTF-8. */
export async function sha256(text: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}

/** The same as 64 digits of lower-case hex. */
export async function sha256Hex(text: string): Promise<string> {
  return (await sha256(text)).toHex()
}

/** The first 96 bits of it, as hex: enough to tell versions of a thing apart, where nobody gains by making two alike. */
export async function shortDigest(text: string): Promise<string> {
  return (await sha256(text)).subarray(0, 12).toHex()
}

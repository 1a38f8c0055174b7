/** Base64url without padding (RFC 4648, 5), for `toBase64` and `fromBase64`. */
export const BASE64URL = { alphabet: 'base64url', omitPadding: true } as const

/** Where people find this gateway: what a link that is given to somebody begins with. PURE. */

/** What is wrong with PUBLIC_URL, or null. */
export function publicUrlProblem({ PUBLIC_URL }: { readonly PUBLIC_URL?: string }): string | null {
  if (PUBLIC_URL === undefined || PUBLIC_URL === '') return null
  const url = URL.parse(PUBLIC_URL)
  if (url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '') return null
  return `PUBLIC_URL is ${JSON.stringify(PUBLIC_URL.slice(0, 200))}; allowed: scheme and host, such as https://gateway.example.com`
}

/** PUBLIC_URL, or else where the request itself went. */
export function publicOrigin({ PUBLIC_URL }: { readonly PUBLIC_URL?: string }, requestUrl: string): string {
  return (PUBLIC_URL ? URL.parse(PUBLIC_URL)?.origin : undefined) ?? new URL(requestUrl).origin
}

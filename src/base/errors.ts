/** Errors outside of MCP, as problem details (RFC 9457); `more` are members of their own (3.2). */
export function problem(
  status: number,
  title: string,
  detail: string,
  {
    headers = {},
    more = {},
  }: {
    readonly headers?: Record<string, string> | undefined
    readonly more?: Record<string, unknown> | undefined
  } = {},
): Response {
  return new Response(JSON.stringify({ type: 'about:blank', status, title, detail, ...more }), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  })
}

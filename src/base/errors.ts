/** Errors outside of MCP, as problem details (RFC 9457); `more` are members of their own (3.2). */
export function problem(
  status: number,
  title: string,
  detail: string,
  headers: Record<string, string> = {},
  more: Record<string, unknown> = {},
): Response {
  return new Response(JSON.stringify({ type: 'about:blank', status, title, detail, ...more }), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  })
}

/** What a client takes for an answer. PURE. */

/** Whether it takes event streams: every client of Streamable HTTP must (MCP, transports). */
export function acceptsEvents(http: Request): boolean {
  return /text\/(?:event-stream|\*)|\*\/\*/.test(http.headers.get('accept') ?? '')
}

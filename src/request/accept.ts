/** The media types that a client takes for an answer. PURE. */

/** From the most to the least precise: of the ranges in a header the most precise one counts (RFC 9110, 12.5.1). */
const eventRanges = ['text/event-stream', 'text/*', '*/*'] as const

/** Tells whether the client takes event streams: every client of Streamable HTTP must (MCP, transports). */
export function acceptsEvents(http: Request): boolean {
  const weights = new Map<string, number>()
  // Names of media types and of parameters have no case: RFC 9110, 8.3.1.
  for (const item of (http.headers.get('accept') ?? '').toLowerCase().split(',')) {
    const [range = '', ...parameters] = item.split(';').map((part) => part.trim())
    if (!weights.has(range)) weights.set(range, weightOf(parameters))
  }
  const found = eventRanges.find((range) => weights.has(range))
  return found !== undefined && weights.get(found) !== 0
}

/** 0 says that the client does not want it; an unreadable weight says nothing. */
function weightOf(parameters: readonly string[]): number {
  const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))
  if (weight === undefined) return 1
  return /^q\s*=\s*0(?:\.0{0,3})?$/.test(weight) ? 0 : 1
}

/** Whether what came through the gateway is what the server said. PURE. */

type Json = Readonly<Record<string, unknown>>

/** Where two values first differ, as a JSON Pointer; null where they are the same. */
export function difference(a: unknown, b: unknown, path = ''): string | null {
  if (Object.is(a, b)) return null
  const isBoth = (test: (value: unknown) => boolean) => test(a) && test(b)
  const here = path === '' ? '/' : path
  if (!isBoth((value) => typeof value === 'object' && value !== null)) return here
  if (Array.isArray(a) !== Array.isArray(b)) return here
  const [first, second] = [a as Json, b as Json]
  for (const key of new Set([...Object.keys(first), ...Object.keys(second)])) {
    const found = difference(first[key], second[key], `${path}/${key}`)
    if (found !== null) return found
  }
  return null
}

/** The list as an era can say it: the stateless one has no tasks (MCP 2026-07-28, changes), so no `execution` either. */
export function inEra(tools: readonly Json[], era: 'session' | 'stateless'): Json[] {
  return tools.map(({ execution, ...tool }) =>
    era === 'session' && execution !== undefined ? { ...tool, execution } : tool,
  )
}

/** A list as the server's own client sees it: without what the gateway puts before names, and with the names that it cuts. */
export function withoutPrefix(
  tools: readonly Json[],
  prefix: string,
  renamed: Readonly<Record<string, string>>,
): Json[] {
  return tools
    .filter(({ name }) => String(name).startsWith(prefix))
    .map((tool) => {
      const name = String(tool.name).slice(prefix.length)
      return { ...tool, name: (prefix === '' ? undefined : renamed[name]) ?? name }
    })
}

/** A result without what an era adds to each (MCP 2026-07-28: resultType, and what a list may be kept for). */
export function bare(result: Json): Json {
  const { resultType: _, ttlMs: __, cacheScope: ___, _meta: ____, ...rest } = result
  return rest
}

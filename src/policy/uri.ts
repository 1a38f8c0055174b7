/** The forms that servers may give a URI before they look for what it names. */

/** Longer text is not compared: no entry can be said to speak of it, so it is denied. In UTF-16 units. */
export const LONGEST_READ = 2_048

/**
 * Returns the forms as which a normalising server may read a URI: the normal form of RFC 3986, 6.2.2 (letters of scheme and host,
 * needless percent-encoding, dot segments); the same with all percent-encoding read, once and twice over, before the dot segments are
 * resolved and after; each with backslashes taken for slashes; and a URL parser's form of each (WHATWG URL). Each once, and without the
 * URI itself.
 *
 * Every step makes a handful of texts of each, so a URI that is made for it has thousands of forms on paper. No step keeps more text than
 * MOST_TEXT; `isCut` says that there would have been more, and then nobody can say what the URI is.
 */
export function normalForms(uri: string): NormalForms {
  const { plain, parsed, isCut } = formsOf(uri)
  return { forms: others(uri, [...plain, ...parsed]), isCut }
}

export interface NormalForms {
  readonly forms: readonly string[]
  readonly isCut: boolean
}

/**
 * The most UTF-16 units: as many as 16 URIs of the greatest length that is compared have. Comparing is linear in it and in the keys of a
 * policy, which are bounded, too.
 */
export const MOST_TEXT = 16 * LONGEST_READ

/** The forms of a URI, each also without what many servers do not look at: the fragment, and the query with it. */
export interface LocatedForms {
  /** Written as the URI itself is, or with percent-encoding read. */
  readonly plain: readonly string[]
  /** All of them, those of URL parsers too, with percent-encoding read: parsers encode what a URI may have as it is. */
  readonly decoded: readonly string[]
  /** There would have been more. */
  readonly isCut: boolean
}

export function locatedForms(uri: string): LocatedForms {
  const { plain, parsed, isCut } = formsOf(uri)
  const located = unique([uri, ...plain].flatMap(shortened))
  const all = unique([...located, ...parsed.flatMap(shortened)])
  return { plain: others(uri, located), decoded: unique(all.map(compared)), isCut }
}

/** A text with percent-encoding read and composed letters: as `decoded` forms and the patterns for them are compared. */
export function compared(text: string): string {
  return decoded(text).normalize('NFC')
}

/** Returns a URL parser's form of the URI, or null where the parser refuses it (WHATWG URL, URL parsing). */
export function parsedUrl(uri: string): string | null {
  return URL.canParse(uri) ? new URL(uri).href : null
}

/** Tells whether parsers drop some of it unseen: a control character anywhere, or a blank at either end (WHATWG URL, 4.4). */
export function hasUnseen(uri: string): boolean {
  for (let at = 0; at < uri.length; at++) if (uri.charCodeAt(at) < 0x20) return true
  return uri.trim() !== uri
}

function formsOf(uri: string): {
  readonly plain: string[]
  readonly parsed: string[]
  readonly isCut: boolean
} {
  const once = decoded(uri)
  const texts = slashed([uri, dotted(uri), unreserved(uri), once, decoded(once)])
  const few = new Few()
  const plain = resolvedForms(texts, few)
  const parsed = resolvedForms(
    texts.flatMap((text) => parsedUrl(text) ?? []),
    few,
  )
  return { plain, parsed, isCut: few.isCut }
}

/** Dot segments resolved, percent-encoding read after that, and what dot segments appear then resolved, too. */
function resolvedForms(texts: readonly string[], few: Few): string[] {
  const first = few.of(unique(texts.map(lowered)).flatMap(resolvings))
  const isEncoded = first.some((text) => text.includes('%'))
  const read = isEncoded ? few.of(few.of(slashed(first.map(decoded))).flatMap(resolvings)) : []
  return few.of([...first, ...read].flatMap((text) => [text, text.normalize('NFC')]))
}

/** Takes of texts, each once, as much as may be compared. */
class Few {
  isCut = false

  of(texts: readonly string[]): string[] {
    let left = MOST_TEXT
    return unique(texts).filter((text) => {
      left -= text.length
      if (left < 0) this.isCut = true
      return left >= 0
    })
  }
}

function slashed(texts: readonly string[]): string[] {
  return unique(texts.flatMap((text) => (text.includes('\\') ? [text, text.replaceAll('\\', '/')] : [text])))
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}

function others(uri: string, forms: readonly string[]): string[] {
  return unique(forms).filter((form) => form !== uri)
}

/**
 * Lowers scheme and host, which mean the same in lower case (RFC 3986, 6.2.2.1). The text in a host's place behind schemes of servers'
 * own is a name like any other, and URL parsers leave it as it is (WHATWG URL, host parsing).
 */
function lowered(uri: string): string {
  const [whole = '', scheme = '', authority = ''] =
    /^([A-Za-z][A-Za-z0-9+.-]*:)(\/\/[^/?#]*)?/.exec(uri) ?? []
  const hasHost = /^(?:https?|wss?|ftp|file):$/i.test(scheme)
  const host = hasHost ? authority.lastIndexOf('@') + 1 : authority.length
  const named = authority.slice(0, host) + authority.slice(host).toLowerCase()
  return scheme.toLowerCase() + named + uri.slice(whole.length)
}

/** RFC 3986, 6.2.2.2: what needs no percent-encoding is read, and hexadecimal digits are upper case. */
function unreserved(uri: string): string {
  if (!uri.includes('%')) return uri
  return uri.replaceAll(/%[0-9A-Fa-f]{2}/g, (encoded) => {
    const char = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return /[A-Za-z0-9._~-]/.test(char) ? char : encoded.toUpperCase()
  })
}

/** Dot segments of encoded dots as dot segments, and nothing else read: so parsers of URLs take them (WHATWG URL, "double-dot URL path segment"). */
function dotted(uri: string): string {
  if (!/%2e/i.test(uri)) return uri
  return uri.replace(
    /(^|[/\\])((?:\.|%2e){1,2})(?=[/\\?#]|$)/gi,
    (_, before: string, segment: string) => before + segment.replaceAll(/%2e/gi, '.'),
  )
}

/** Every percent-encoding read, as UTF-8; what is none stays. */
function decoded(uri: string): string {
  if (!uri.includes('%')) return uri
  return uri.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    const bytes = Uint8Array.from(run.slice(1).split('%'), (hex) => Number.parseInt(hex, 16))
    return new TextDecoder().decode(bytes)
  })
}

/** Behind this a path begins, in the grammar of RFC 3986; and for servers that take all behind the slashes for one. */
const AUTHORITY = /^([^:/?#]*:(?:\/\/[^/?#]*)?)?([^?#]*)(.*)$/s
const SCHEME = /^([^:/?#]*:(?:\/\/)?)?([^?#]*)(.*)$/s

/** A text as it is and resolved in each way: a parser lets `..` take an empty segment, and a file system has none. */
function resolvings(uri: string): string[] {
  // Neither an empty segment nor one that begins with a dot: nothing to resolve.
  if (!/\/\/|(?:^|\/)\./.test(uri.replace(/^[^:/?#]*:(?:\/\/)?/, ''))) return [uri]
  const exact = unique([resolved(uri, AUTHORITY, true), resolved(uri, SCHEME, true)])
  return [
    uri,
    ...exact,
    ...[uri, ...exact].flatMap((it) => [resolved(it, AUTHORITY, false), resolved(it, SCHEME, false)]),
  ]
}

/**
 * RFC 3986, 6.2.2.3: a path without segments that stand for the folder itself, or the one above. Many servers take several
 * slashes for one, too, so empty segments are kept or left out.
 */
function resolved(uri: string, parts: RegExp, keepsEmpty: boolean): string {
  const [, before = '', path = '', after = ''] = parts.exec(uri) ?? []
  const isRooted = path.startsWith('/')
  const segments = (isRooted ? path.slice(1) : path).split('/')
  const last = segments.at(-1) ?? ''
  const kept: string[] = []
  for (const [at, segment] of segments.entries()) {
    if (segment === '..') kept.pop()
    // The last of a path that ends in a slash is empty; the slash is put back below.
    else if (segment !== '.' && (segment !== '' || (keepsEmpty && at < segments.length - 1)))
      kept.push(segment)
  }
  const isFolder = ['', '.', '..'].includes(last) && kept.length > 0
  return `${before}${isRooted ? '/' : ''}${kept.join('/')}${isFolder ? '/' : ''}${after}`
}

/** A URI as it is, without its fragment, and without its query, too. */
export function shortened(uri: string): string[] {
  if (!/[?#]/.test(uri)) return [uri]
  return [uri, uri.replace(/#.*$/s, ''), uri.replace(/[?#].*$/s, '')]
}

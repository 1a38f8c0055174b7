/** What servers make of a URI before they look for what it names. */

/**
 * What a server may read a URI as that normalises it: the normal form of RFC 3986, 6.2.2 (letters of scheme and host,
 * needless percent-encoding, dot segments); the same with all percent-encoding read, once and twice over; each with
 * backslashes taken for slashes. Each once, and without the URI itself.
 */
export function normalForms(uri: string): string[] {
  const once = decoded(uri)
  const forms = [uri, unreserved(uri), once, decoded(once)]
    .flatMap((text) => [text, text.replaceAll('\\', '/')])
    .map(lowered)
    .flatMap((text) => [text, resolved(text, AUTHORITY), resolved(text, SCHEME)])
    .flatMap((text) => [text, text.normalize('NFC')])
  return others(uri, forms)
}

/** The same, and each also without what many servers do not look at: the fragment, and the query with it. */
export function locatedForms(uri: string): string[] {
  return others(
    uri,
    [uri, ...normalForms(uri)].flatMap((form) => shortened(form)),
  )
}

function others(uri: string, forms: readonly string[]): string[] {
  return [...new Set(forms)].filter((form) => form !== uri)
}

/**
 * RFC 3986, 6.2.2.1: scheme and host mean the same in lower case. What stands in a host's place behind schemes of servers' own
 * is a name like any other, and parsers of URLs leave it as it is (WHATWG URL, host parsing).
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
  return uri.replaceAll(/%[0-9A-Fa-f]{2}/g, (encoded) => {
    const char = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return /[A-Za-z0-9._~-]/.test(char) ? char : encoded.toUpperCase()
  })
}

/** Every percent-encoding read, as UTF-8; what is none stays. */
function decoded(uri: string): string {
  return uri.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    const bytes = Uint8Array.from(run.slice(1).split('%'), (hex) => Number.parseInt(hex, 16))
    return new TextDecoder().decode(bytes)
  })
}

/** Behind this a path begins, in the grammar of RFC 3986; and for servers that take all behind the slashes for one. */
const AUTHORITY = /^([^:/?#]*:(?:\/\/[^/?#]*)?)?([^?#]*)(.*)$/s
const SCHEME = /^([^:/?#]*:(?:\/\/)?)?([^?#]*)(.*)$/s

/**
 * RFC 3986, 6.2.2.3: a path without segments that stand for the folder itself, or the one above. Many servers take several
 * slashes for one, too.
 */
function resolved(uri: string, parts: RegExp): string {
  const [, before = '', path = '', after = ''] = parts.exec(uri) ?? []
  const segments = path.split('/')
  const kept: string[] = []
  for (const segment of segments) {
    if (segment === '..') kept.pop()
    else if (segment !== '.' && segment !== '') kept.push(segment)
  }
  const isFolder = ['', '.', '..'].includes(segments.at(-1) ?? '') && kept.length > 0
  return `${before}${path.startsWith('/') ? '/' : ''}${kept.join('/')}${isFolder ? '/' : ''}${after}`
}

function shortened(uri: string): string[] {
  return [uri, uri.replace(/#.*$/s, ''), uri.replace(/[?#].*$/s, '')]
}

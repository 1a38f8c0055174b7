/**
 * Text that somebody else wrote, as it is. A character that is not drawn, or draws other text differently, is shown by its
 * code: the approver must not be shown something else than what is sent. PURE.
 */
import { piecesOf } from '../../base/invisible.ts'
import { type Html, html } from './html.ts'

/** Spaces that are not U+0020, blanks that are no spaces, and what has no meaning or no agreed one. */
const ODD = /[\u00A0\u1680\u2000-\u200A\u202F\u205F\u3000\u2800]|[\p{Co}\p{Cn}\p{Cs}]/gu
/** In the order in which they are looked for in what is drawn; in linear time, however many spaces there are. */
const SPECIAL = new RegExp(
  `(?<odd>${ODD.source})|(?<end>\\r?\\n)|(?<tab>\\t)|(?<cr>\\r)|(?<edge>^ +|(?<! ) +$)`,
  'gmu',
)

/** A name or a sentence, within a line. */
export function inline(text: string): Html {
  return html`<bdi>${marked(text)}</bdi>`
}

/** A text of any length, with its lines: belongs into a `pre`. */
export function lines(text: string): Html {
  return marked(text)
}

/** The number of characters of a text that are shown by their codes. */
export function countMarked(text: string): number {
  return piecesOf(text).reduce(
    (sum, { isUnseen, text: piece }) => sum + (isUnseen ? 1 : (piece.match(ODD)?.length ?? 0)),
    0,
  )
}

function marked(text: string): Html {
  return html`${piecesOf(text).map(({ text: piece, isUnseen }) => (isUnseen ? code(piece) : drawn(piece)))}`
}

function drawn(text: string): Html {
  const parts: (Html | string)[] = []
  let start = 0
  for (const { index, groups, 0: match } of text.matchAll(SPECIAL)) {
    parts.push(text.slice(start, index), special(match, groups ?? {}))
    start = index + match.length
  }
  parts.push(text.slice(start))
  return html`${parts}`
}

function special(match: string, groups: Readonly<Record<string, string | undefined>>): Html {
  if (groups.odd !== undefined || groups.cr !== undefined) return code(match)
  if (groups.edge !== undefined) return sign('·'.repeat(match.length))
  if (groups.tab !== undefined) return html`${sign('→')}\t`
  const carriage = match.length > 1 && code('\r')
  return html`${carriage}${sign('↵')}\n`
}

/** The brackets tell it from the same letters in a text, also where nothing is styled. */
function code(char: string): Html {
  const digits = (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
  return html`<b class="code">⟦U+${digits}⟧</b>`
}

function sign(text: string): Html {
  return html`<i class="sign">${text}</i>`
}

/**
 * Makes every character visible to a person who decides. Characters that are not seen, that turn the direction of others, or that a
 * terminal takes for commands are written as escapes. PURE.
 */

/** Control, format, private and unassigned characters, line ends of Unicode, and halves of pairs. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]|(?![ ])\p{Zs}/gu

/** The text with `\u{…}` in the place of each character that is not seen; tabs and ends of lines stay. */
export function visible(text: string): string {
  return text.replaceAll(UNSEEN, (char) =>
    char === '\n' || char === '\t' ? char : `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

/** Finds characters that are drawn and may still be taken for others. PURE. */

/** Scripts with letters that look like Latin ones. */
const ALIKE = ['Cyrillic', 'Greek', 'Armenian', 'Cherokee', 'Coptic', 'Lisu', 'Georgian'] as const

const LATIN = /\p{Script=Latin}/u
const alike = ALIKE.map((script) => ({ script, letters: new RegExp(`\\p{Script=${script}}`, 'u') }))
/** Letters and digits that are a form of an ASCII one: of full width, mathematical, in circles. */
const FORM = /[\p{L}\p{N}\p{So}]/u
const BACKWARDS =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Samaritan}\p{Script=Mandaic}\p{Script=Adlam}\p{Script=Hanifi_Rohingya}]/u

/** Marks that strike through, cover or enclose what stands before them; and more marks on one sign than a language has. */
const OVERLAYS =
  /[\u0334-\u0338\u20D2\u20D3\u20D8-\u20DA\u20DD-\u20E0\u20E2\u20E4-\u20E6\u20EA\u20EB]|\p{M}{5}/u

/** Sentences for whoever reads the text, in order; none where nothing is conspicuous. */
export function conspicuous(text: string): readonly string[] {
  if (isAscii(text)) return []
  const notes: string[] = []
  const scripts = new Set<string>()
  let hasForms = false
  // Between spaces, so that the parts of an address or of a path count together.
  for (const [word] of text.matchAll(/\S+/g)) {
    if (isAscii(word)) continue
    if (LATIN.test(word)) for (const { script, letters } of alike) if (letters.test(word)) scripts.add(script)
    hasForms ||= [...word].some(isForm)
  }
  if (scripts.size > 0)
    notes.push(
      `It mixes Latin letters with ${[...scripts].join(' and ')} ones in a word: some of them look the same.`,
    )
  if (hasForms) notes.push('It has letters or digits that look like those of ASCII and are others.')
  if (OVERLAYS.test(text)) notes.push('It has marks that are drawn over other signs.')
  if (BACKWARDS.test(text))
    notes.push(
      'It has letters that are written from right to left: on the screen its order may be another than it is.',
    )
  return notes
}

function isForm(char: string): boolean {
  return FORM.test(char) && !isAscii(char) && /^[A-Za-z0-9]$/.test(char.normalize('NFKC'))
}

function isAscii(text: string): boolean {
  return !/[^\p{ASCII}]/u.test(text)
}

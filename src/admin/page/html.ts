/** HTML. Nothing but the template below makes it, so whatever else is put into a page is escaped. PURE. */

/** A piece of a page, as it is sent. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** A part of a template; null and false are nothing. */
export type Part = Html | string | number | null | false | readonly Part[]

/** `` html`<p>${text}</p>` ``: what is put in is escaped, unless it is HTML already. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.reduce((before, string, i) => before + textOf(parts[i - 1] ?? null) + string))
}

function textOf(part: Part): string {
  if (part === null || part === false) return ''
  if (part instanceof Html) return part.text
  if (typeof part === 'string') return escaped(part)
  if (typeof part === 'number') return String(part)
  return part.map(textOf).join('')
}

/** As text and in a quoted attribute. */
function escaped(text: string): string {
  return text.replace(/[&<>"'`]/g, (sign) => `&#${sign.charCodeAt(0)};`)
}

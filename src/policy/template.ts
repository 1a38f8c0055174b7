/** URI templates with what is known of their variables (RFC 6570, all four levels; every value is a text). */

interface Operator {
  readonly first: string
  readonly between: string
  readonly isNamed: boolean
  /** The text behind the name of an empty value. */
  readonly ifEmpty: string
  readonly keepsReserved: boolean
}

const plain: Operator = { first: '', between: ',', isNamed: false, ifEmpty: '', keepsReserved: false }

/** RFC 6570, appendix A. */
const operators: Readonly<Record<string, Operator>> = {
  '': plain,
  '+': { ...plain, keepsReserved: true },
  '#': { ...plain, first: '#', keepsReserved: true },
  '.': { ...plain, first: '.', between: '.' },
  '/': { ...plain, first: '/', between: '/' },
  ';': { ...plain, first: ';', between: ';', isNamed: true },
  '?': { ...plain, first: '?', between: '&', isNamed: true, ifEmpty: '=' },
  '&': { ...plain, first: '&', between: '&', isNamed: true, ifEmpty: '=' },
}

const EXPRESSION = /\{([+#./;?&]?)([^{}]+)\}/g
/** A name, and how much of its value: `*` means something for lists alone. */
const VARIABLE = /^([^:*]+)(?::(\d{1,4})|\*)?$/

/**
 * The URI that a template stands for. A variable without a value is left out, with what would stand around it; what is no
 * expression stays as it is.
 */
export function expandTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(EXPRESSION, (written, sign: string, list: string) => {
    const operator = operators[sign] as Operator
    const variables = list.split(',').map((text) => VARIABLE.exec(text))
    if (variables.some((it) => it === null)) return written
    const parts = variables.flatMap((it) => {
      const [, name = '', most] = it as RegExpExecArray
      if (!Object.hasOwn(values, name)) return []
      const value = values[name] as string
      // A prefix counts characters, not the units that they are stored in.
      return [part(operator, name, most === undefined ? value : [...value].slice(0, Number(most)).join(''))]
    })
    return parts.length === 0 ? '' : operator.first + parts.join(operator.between)
  })
}

function part({ isNamed, ifEmpty, keepsReserved }: Operator, name: string, value: string): string {
  const encoded = keepsReserved ? encodeReserved(value) : encode(value)
  if (!isNamed) return encoded
  return value === '' ? `${name}${ifEmpty}` : `${name}=${encoded}`
}

/** RFC 6570, 3.2.1: all but what RFC 3986 calls unreserved. */
function encode(text: string): string {
  const percent = (char: string) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`
  return encodeURIComponent(text.toWellFormed()).replaceAll(/[!'()*]/g, percent)
}

/** RFC 6570, 3.2.3: reserved characters, and what is percent-encoded already, stay. */
function encodeReserved(text: string): string {
  return text.replaceAll(/%[0-9A-Fa-f]{2}|[^\w.~:/?#[\]@!$&'()*+,;=-]+/g, (run) =>
    /^%[0-9A-Fa-f]{2}$/.test(run) ? run : encode(run),
  )
}

/** The words that a module may say to people: read from its source, so that none is forgotten. */

/** Each piece of prose between what is filled in: of `found ${x}; allowed` it is "found " and "; allowed". */
export function said(source: string): string[] {
  const code = withoutAsides(source)
  const words: string[] = []
  for (const [, quoted, template] of code.matchAll(/'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`/g)) {
    if (quoted !== undefined) words.push(quoted)
    else words.push(...piecesOf(template as string))
  }
  return words.filter(isProse)
}

/** Leaves out what nobody is told: comments, descriptions for editors, our own mistakes, imports, patterns. */
function withoutAsides(source: string): string {
  return source
    .replaceAll(/\/\*.*?\*\//gs, '')
    .replaceAll(/^\s*\/\/.*$/gm, '')
    .replaceAll(/^import .*$|^\} from .*$/gm, '')
    .replaceAll(/\.describe\(\s*'[^']*',?\s*\)/g, '')
    .replaceAll(/throw new Error\(.*\)/g, '')
    .replaceAll(/schemaOf\(\w+, '[^']*'\)/g, '')
}

function piecesOf(template: string): string[] {
  return template.split(/\$\{[^}]*(?:\{[^}]*\}[^}]*)*\}/)
}

/** Words and a blank: names and keys have none. Of a template inside a template the outer halves are code. */
function isProse(text: string): boolean {
  return / /.test(text) && /[a-z]{2}/i.test(text) && !text.includes('${') && !text.includes(' ? ')
}

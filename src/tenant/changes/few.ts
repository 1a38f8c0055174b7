/** Names in a sentence, however many there are. PURE. */

const MOST_SAID = 10

/** `bot, clerk`; of more than ten the first ten and how many there are besides. */
export function fewOf(names: readonly string[]): string {
  const said = names.slice(0, MOST_SAID).join(', ')
  return names.length <= MOST_SAID ? said : `${said} and ${names.length - MOST_SAID} more`
}

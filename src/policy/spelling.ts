/** Names that someone may have meant. */

/** At most so many letters may differ, and never more than a third of the word. */
const MOST_EDITS = 2

/** The candidate nearest to a misspelt word, or null where none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  let best: string | null = null
  const most = Math.min(MOST_EDITS, Math.floor(word.length / 3))
  let fewest = most + 1
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > most) continue
    const edits = distance(word.toLowerCase(), candidate.toLowerCase())
    // Among equally near names the one that begins alike counts: first letters are seldom wrong.
    const isNearer = edits < fewest || (edits === fewest && best?.[0] !== word[0] && candidate[0] === word[0])
    if (isNearer && edits <= most) {
      fewest = edits
      best = candidate
    }
  }
  return best
}

/** Optimal string alignment: insertions, deletions, replacements, and neighbours that changed places. */
function distance(a: string, b: string): number {
  let older: number[] = []
  let old = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(old, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      let least = Math.min(at(old, j) + 1, at(row, j - 1) + 1, replaced)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, at(older, j - 2) + 1)
      }
      row.push(least)
    }
    older = old
    old = row
  }
  return at(old, b.length)
}

function at(row: readonly number[], i: number): number {
  return row[i] as number
}

/**
 * Which listings of a server have been compared with its pins as they are now. Comparing one of them again would
 * change nothing, so that nobody needs to send it; once pins or drift change, that is true of the last one alone.
 */

const MOST = 8

/** Oldest first. */
export function seenDigests(sql: SqlStorage, server: string): string[] {
  return sql
    .exec<{ digest: string }>('SELECT digest FROM seen WHERE server = ? ORDER BY seq', server)
    .toArray()
    .map(({ digest }) => digest)
}

export function addSeen(sql: SqlStorage, server: string, digest: string): void {
  sql.exec('INSERT INTO seen (server, digest) VALUES (?, ?) ON CONFLICT DO NOTHING', server, digest)
  const old = 'SELECT seq FROM seen WHERE server = ? ORDER BY seq DESC LIMIT -1 OFFSET ?'
  sql.exec(`DELETE FROM seen WHERE seq IN (${old})`, server, MOST)
}

/** Pins, drift or names are not what they were: every listing is to be compared anew, by every isolate. */
export function clearSeen(sql: SqlStorage, server: string): void {
  sql.exec('DELETE FROM seen WHERE server = ?', server)
  sql.exec('UPDATE servers SET pins_revision = pins_revision + 1 WHERE name = ?', server)
}

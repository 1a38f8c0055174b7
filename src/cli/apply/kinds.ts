/** The kinds of things that a folder has a folder for. PURE. */
import { part } from '../gateway/api.ts'

/** By the name of their folder, which is what the API calls them, too. */
export const kinds = {
  people: 'person',
  secrets: 'secret',
  servers: 'server',
  policies: 'policy',
  grants: 'grant',
  webhooks: 'webhook',
} as const
export type Folder = keyof typeof kinds
export type Kind = (typeof kinds)[Folder]
export const folders = Object.keys(kinds) as readonly Folder[]

/** Its path in the API. */
export function pathOf(folder: Folder, name: string): string {
  return `/${folder}/${part(name)}`
}

/** A document said again in the hosted dialect. */
import type { HostedCount, HostedDocument, HostedLimit, HostedTool } from './hosted.ts'
import type { Problem } from './problem.ts'

export interface Translation {
  readonly hosted: HostedDocument
  /** The place in the author's document of each part of `hosted`, by JSON Pointer; the same place where absent. */
  readonly origins: ReadonlyMap<string, string>
  readonly problems: readonly Problem[]
}

/** A hosted tool in the making. */
export interface ToolDraft {
  readonly require: NonNullable<HostedTool['require']>
  readonly deny_if: NonNullable<HostedTool['deny_if']>
  readonly require_approval: NonNullable<HostedTool['require_approval']>
  readonly limits: HostedLimit[]
  readonly counts: HostedCount[]
}

export function newDraft(): ToolDraft {
  return { require: [], deny_if: [], require_approval: [], limits: [], counts: [] }
}

/** The draft without its empty lists. */
export function finish(draft: ToolDraft): HostedTool {
  return Object.fromEntries(Object.entries(draft).filter(([, list]) => list.length > 0))
}

/** Only the members that are there: `exactOptionalPropertyTypes` and JSON both tell absent from undefined. */
export function present<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never
}

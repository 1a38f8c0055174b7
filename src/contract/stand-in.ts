/** The calls that the demo's routes make to its stand-in for Legiti. */

export const modes = ['ok', 'slow', 'fail', 'reject'] as const
/** The way it answers until another is set. */
export type Mode = (typeof modes)[number]

export interface StandInAnswer {
  readonly status: number
  readonly body: Record<string, string | boolean>
}

export interface StandInCalls extends Rpc.DurableObjectBranded {
  behave(mode: Mode): void
  mode(): Mode
  /** Takes one request and answers as told. Refused ones are recorded, too: they did arrive. */
  take(method: string, path: string, body: unknown): Promise<StandInAnswer>
  /** All that arrived, oldest first, each as JSON. */
  events(): string[]
}

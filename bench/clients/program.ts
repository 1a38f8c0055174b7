/** What the lab asks of a program: to list, to call, and to be stopped. */
import type { Model } from './model/server.ts'
import type { SessionsSetting } from './world.ts'

export interface Program {
  /** For the command line and the table. */
  readonly name: string
  /** What is installed, pinned; the first one's version is the program's. */
  readonly packages: readonly string[]
  /** Programs with the same folder are installed together. */
  readonly folder: string
  /** What its grant says of sessions: `one` for what opens a transport for every command. */
  readonly sessions: SessionsSetting
  /** Says why it cannot be run here, or null. */
  cannotRun?(installed: string): Promise<string | null>
  start(at: Place): Promise<Connected>
}

/** Where a program runs. */
export interface Place {
  /** The folder in which its packages are installed. */
  readonly installed: string
  /** Throw-away, empty at first. */
  readonly home: string
  /** A project's folder, empty at first. */
  readonly work: string
  /** The gateway, behind a proxy that writes down what passes. */
  readonly url: string
  readonly token: string
  readonly model: Model
  readonly env: Readonly<Record<string, string>>
}

export interface Connected {
  /** Names of the gateway's tools, as the program or its model sees them. */
  list(): Promise<readonly string[]>
  /** Calls a tool by the name that the gateway gives it. Rejects where the program says so. */
  call(tool: string, args?: Readonly<Record<string, unknown>>): Promise<Shown>
  /** What it printed, for the report of a failure. */
  output(): string
  stop(): Promise<void>
}

/** What the model, or whoever called, is shown. */
export interface Shown {
  readonly text: string
  /** Whether it is shown as an error; null where the form cannot say it. */
  readonly isError: boolean | null
}

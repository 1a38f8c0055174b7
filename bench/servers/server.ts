/** What the lab knows of a published server: how it is installed and started, and calls that can be compared. */
export interface PublishedServer {
  /** As it is registered: letters, digits and hyphens. */
  readonly name: string
  /** What is installed, pinned; the one whose version is shown comes first. */
  readonly packages: readonly string[]
  /** A program of the lab's own that is run where the packages are; its script is named without a folder. */
  readonly own?: string
  /**
   * What `node` runs: a script below `modules`, the folder's `node_modules`, and its arguments. It listens on `port` of
   * loopback; `work` is a folder with the file `hello.txt`.
   */
  command(
    port: number,
    work: string,
    modules: string,
  ): { readonly script: string; readonly args: readonly string[] }
  readonly env?: (port: number) => Readonly<Record<string, string>>
  /** What it wants to be sent with every request. */
  readonly headers?: Readonly<Record<string, string>>
  /** By which name of loopback it is reached, where it is choosy. */
  readonly host?: string
  /** Where it answers. */
  readonly path: string
  /** Calls that have the same answer each time. */
  readonly calls: readonly Call[]
}

export interface Call {
  readonly tool: string
  /** `{work}` stands for the folder. */
  readonly args: Readonly<Record<string, unknown>>
  /** Its words are others each time: compared is whether it fails. */
  readonly isVague?: boolean
}

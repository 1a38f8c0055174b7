/** Programs that have a model: one turn of theirs, led by the stand-in for it. */

import type { Running } from '../../outside/processes.ts'
import type { Asked } from '../model/script.ts'
import type { Connected, Place, Shown } from '../program.ts'

/** @param isOwn whether a name that the program gives a tool is this tool's of the gateway */
export function led(
  { model }: Place,
  running: Running,
  isOwn: (offered: string, tool: string) => boolean,
): Connected {
  const { script } = model
  /** Rejects when the program ends meanwhile, for then nobody asks any more. */
  const orEnded = <T>(work: Promise<T>): Promise<T> =>
    Promise.race([
      work,
      running.ended.then((code) => {
        throw new Error(`it ended with ${code}: ${running.output().slice(-2_000)}`)
      }),
    ])
  return {
    list: async () => (await orEnded(script.asked())).tools,
    call: async (tool, args = {}): Promise<Shown> => {
      const { tools } = await orEnded(script.asked())
      const name = tools.find((offered) => isOwn(offered, tool))
      if (name === undefined) throw new Error(`its model is not offered ${tool}`)
      const next: Asked = await orEnded(script.say({ kind: 'call', tool: name, args }))
      return { text: next.shown ?? '', isError: next.isError }
    },
    output: running.output,
    stop: async () => {
      script.end()
      await Promise.race([running.ended, new Promise((resolve) => setTimeout(resolve, 5_000))])
      await running.stop()
    },
  }
}

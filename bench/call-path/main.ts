/**
 * The way of one call of an upstream tool through the source: the files that it passes, in order, and how often it comes
 * back up, in both eras. The words are defined in passed.ts. The call is a real one: the gateway runs on bare workerd with probes
 * in every function (probes.ts), its upstream server beside it, and has had some calls before.
 *
 *   npm exec -- node bench/call-path/main.ts [--asked]
 *
 * `--asked` lists the files that are asked, too. It takes about half a minute.
 */
import { parseArgs } from 'node:util'
import { eras } from '../../test/support/node/mcp-agent.ts'
import { callPath } from './passed.ts'
import { entered } from './probed.ts'

const { values } = parseArgs({ options: { asked: { type: 'boolean', default: false } } })

for (const [era, functions] of await entered(eras))
  for (const part of ['worker', 'principal'] as const) {
    const { passed, asked, comesBackUp } = callPath(functions, part)
    console.log(
      `\n${era} era, in the ${part}: passes ${passed.length} files, asks ${asked.length}, comes back up ${comesBackUp.length} times`,
    )
    for (const [index, file] of passed.entries()) console.log(`  ${String(index + 1).padStart(2)}  ${file}`)
    for (const { from, to } of comesBackUp) console.log(`  up  ${from} calls ${to}`)
    if (values.asked) for (const file of asked) console.log(`   ·  ${file}`)
  }

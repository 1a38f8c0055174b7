/** The command line of the programs that tests and benchmarks are: `--help` prints what they take, and a mistake is one sentence. */
import { argv, exit, stderr, stdout } from 'node:process'
import { type ParseArgsConfig, parseArgs } from 'node:util'

/** A mistake on the command line, told from a run that found something (1). */
export const MISUSE = 2

/**
 * Reads the words of the command line. Ends the program after `--help` (0), and where there is an option that it does not have (2).
 *
 * @param help printed for `--help`; the first line says how the program is called
 */
export function readCommandLine<const T extends ParseArgsConfig>(help: readonly string[], config: T) {
  const words = argv.slice(2)
  if (words.includes('--help') || words.includes('-h')) {
    stdout.write(`${help.join('\n')}\n`)
    exit(0)
  }
  try {
    return parseArgs({ ...config, args: words })
  } catch (error) {
    // Its first sentence; the rest is about programs that take words which begin with a dash.
    const [found = ''] = String(error instanceof Error ? error.message : error).split('. ')
    return misuse(found, 'what --help prints')
  }
}

/** Ends the program: something else stands on its command line than may. */
export function misuse(found: string, allowed: string): never {
  stderr.write(`${found}; allowed: ${allowed}\n`)
  exit(MISUSE)
}

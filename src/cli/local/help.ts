/** The text that `npm run dev -- --help` prints. */
import { IP, PORT } from './gateway.ts'

export const devHelp: readonly string[] = [
  'Usage: npm run dev -- [OPTION…]',
  '',
  'Serves a gateway on this machine. It makes .dev.vars from .dev.vars.example where there is none, and the tables of',
  'the audit trail, and starts `wrangler dev`. The last lines that it prints are the URL, a token and the next step.',
  '',
  'Options:',
  `  --port PORT          the port; ${PORT} where absent`,
  `  --ip ADDRESS         the address; ${IP} where absent. Another than this machine's is refused while DEMO is "true"`,
  '  --persist-to FOLDER  where all of its state is kept; .wrangler/state where absent',
  '  --var NAME:VALUE     a variable for this run, before .dev.vars; --var NATIVE_SERVERS:session runs without Legiti',
  '  --env-file FILE      variables, in place of .dev.vars',
  '  -h, --help           this',
  'Every other option goes to wrangler as it is: npx wrangler dev --help',
  '',
  'Examples:',
  '  npm run dev',
  '  npm run dev -- --port 9000 --persist-to /tmp/gatehouse',
]

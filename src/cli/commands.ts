/** Every command, and what help says of it. */
import { dialects } from '../policy/dialect.ts'
import { adminCommands } from './admin/commands.ts'
import { policyAdminCommands } from './admin/policies.ts'
import { whoamiCommand } from './admin/whoami.ts'
import { applyCommand } from './apply/command.ts'
import { completionCommand } from './completion.ts'
import { connectCommand } from './connect.ts'
import { connection } from './gateway/link.ts'
import type { Operands, Option } from './kit/arguments.ts'
import type { Command } from './kit/command.ts'
import { convert } from './policy/convert.ts'
import { diff } from './policy/diff.ts'
import { explain } from './policy/explain.ts'
import { schema } from './policy/schema.ts'
import { test } from './policy/test.ts'
import { validate } from './policy/validate.ts'
import { versionCommand } from './version.ts'

/** Options of every command. */
export const everywhere: readonly Option[] = [
  { name: 'json', value: null, help: 'print one JSON document, for machines' },
  { name: 'help', value: null, help: 'print this, as does -h' },
]

const ONE_FILE: Operands = { names: 'FILE', least: 1, most: 1 }
const FILES: Operands = { names: 'FILE…', least: 1, most: Number.POSITIVE_INFINITY }
const UNUSABLE = '2 not understood, or a file cannot be read'

const localCommands: readonly Omit<Command, 'group'>[] = [
  {
    name: 'validate',
    summary:
      'Say whether files hold policies, and everything that is wrong with them; @NAME is the gateway’s',
    operands: FILES,
    options: [
      { name: 'tools', value: 'FILE', help: 'warn of tools and arguments that this tools/list answer lacks' },
      { name: 'gateway', value: null, help: 'warn of those that the servers of the gateway’s tenant lack' },
      ...connection,
    ],
    exitCodes: `0 all are policies; 1 problems; ${UNUSABLE}, or no answer`,
    examples: [
      'gatehouse policy validate policies/*.yaml',
      'gatehouse policy convert old.yaml --to hosted | gatehouse policy validate -',
      'gatehouse policy validate policies/*.yaml --gateway',
      'gatehouse policy validate @readers --gateway',
    ],
    json: ['ok', 'files'],
    run: validate,
  },
  {
    name: 'explain',
    summary: 'Say how one call would be decided, and why; @NAME and @NAME:VERSION are the gateway’s policies',
    operands: ONE_FILE,
    options: [
      {
        name: 'tool',
        value: 'NAME',
        help: 'the tool that is called',
        required: true,
        unless: ['resource', 'prompt'],
      },
      { name: 'resource', value: 'SERVER+URI', help: 'in its place: a resource that is read' },
      { name: 'prompt', value: 'SERVER__NAME', help: 'in its place: a prompt' },
      { name: 'args', value: 'JSON', help: 'its arguments, an object' },
      {
        name: 'completion',
        value: 'JSON',
        help: 'what is typed for a template or a prompt, in the place of its arguments',
      },
      { name: 'account', value: 'A', help: 'the account of the session; none where absent' },
      { name: 'label', value: 'L', help: 'the label of the grant' },
      { name: 'annotations', value: 'JSON', help: 'what the tool says of itself, an object' },
      { name: 'at', value: 'TIME', help: 'when, such as 2030-01-01T12:00:00Z; now where absent' },
      { name: 'counters', value: 'JSON', help: 'what was used so far: {"/tools/pay/limits/0": 3}' },
      {
        name: 'gateway',
        value: null,
        help: 'take the tool’s names and annotations as the gateway lists them',
      },
      ...connection,
    ],
    exitCodes:
      '0 explained, whatever the decision; 1 problems, or no such policy; 2 not understood, no file, or no answer',
    examples: [
      `gatehouse policy explain policy.yaml --tool pay --args '{"amount": 120}' --account ana`,
      `gatehouse policy explain policy.yaml --tool pay --counters '{"/tools/pay/limits/0": 30}'`,
      'gatehouse policy explain policy.yaml --resource files+file:///docs/a.md',
      'gatehouse policy explain @readers --tool crm__find --gateway',
    ],
    json: ['tool', 'action', 'code', 'rule', 'message', 'conditions', 'concealed', 'limits', 'shadow'],
    run: explain,
  },
  {
    name: 'test',
    summary: 'Play cases that stand beside a policy: calls, and what is expected to become of them',
    operands: FILES,
    options: [],
    exitCodes: `0 all pass; 1 one fails, or problems in a file; ${UNUSABLE}`,
    examples: ['gatehouse policy test policy.test.yaml', 'gatehouse policy test policies/*.test.yaml --json'],
    json: ['ok', 'passed', 'failed', 'files'],
    run: test,
  },
  {
    name: 'diff',
    summary: 'Say which tools two policies treat differently; @NAME and @NAME:VERSION are the gateway’s',
    operands: { names: 'A B', least: 2, most: 2 },
    options: [
      { name: 'tools', value: 'T1,T2', help: 'compare these; all that either names where absent' },
      ...connection,
    ],
    exitCodes: '0 no change; 1 a change; 2 not understood, or a file cannot be read or is no policy',
    examples: [
      'gatehouse policy diff old.yaml new.yaml',
      'git show HEAD:policy.json | gatehouse policy diff - policy.json --tools pay,refund',
      'gatehouse policy diff @readers readers.yaml',
      'gatehouse policy diff @readers:3 @readers',
    ],
    json: ['same', 'changes'],
    run: diff,
  },
  {
    name: 'convert',
    summary: 'Print a policy in the hosted dialect, as JSON; @NAME and @NAME:VERSION are the gateway’s',
    operands: ONE_FILE,
    options: [
      { name: 'to', value: 'hosted', values: ['hosted'], help: 'the dialect to print', required: true },
      ...connection,
    ],
    exitCodes: '0 converted; 1 problems, or no such policy; 2 not understood, no file, or no answer',
    examples: ['gatehouse policy convert policy.yaml --to hosted > policy.json'],
    json: 'document',
    run: convert,
  },
  {
    name: 'schema',
    summary: 'Print the JSON Schema of a dialect, for editors',
    operands: { names: dialects.join('|'), values: dialects, least: 1, most: 1 },
    options: [],
    exitCodes: '0 printed; 2 not understood',
    examples: ['gatehouse policy schema rule > rule.schema.json'],
    json: 'document',
    run: schema,
  },
]

export const commands: readonly Command[] = [
  ...localCommands.map((command) => ({ ...command, group: 'policy' })),
  ...policyAdminCommands,
  ...adminCommands,
  connectCommand,
  applyCommand,
  whoamiCommand,
  versionCommand,
  completionCommand(() => ({ commands, everywhere })),
]

/** The words that come before a command's name. */
export const groups: readonly string[] = [
  ...new Set(commands.flatMap(({ group }) => (group === null ? [] : [group]))),
]

/** A command as it is typed. */
export function nameOf({ group, name }: Pick<Command, 'group' | 'name'>): string {
  return group === null ? `gatehouse ${name}` : `gatehouse ${group} ${name}`
}

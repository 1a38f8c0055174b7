/** Every program of the lab. */
import type { Program } from '../program.ts'
import { claudeCode } from './claude-code.ts'
import { codex } from './codex.ts'
import { inspector, mcpc, mcporter } from './commands.ts'
import { geminiCli } from './gemini-cli.ts'
import { libraries } from './libraries.ts'
import { mcpRemote } from './mcp-remote.ts'
import { opencode } from './opencode.ts'

export const programs: readonly Program[] = [
  claudeCode,
  codex,
  geminiCli,
  opencode,
  mcpRemote,
  inspector,
  mcporter,
  mcpc,
  ...libraries,
]

#!/usr/bin/env node
/**
 * `npm run docs:cli`: writes docs/commands.md from what the commands say of themselves. With `--check` it writes nothing, and
 * fails where the page says something else.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { argv, exit, stderr } from 'node:process'
import { referencePage } from '../reference.ts'

const page = new URL('../../../docs/commands.md', import.meta.url)
if (!argv.includes('--check')) writeFileSync(page, referencePage())
else if (readFileSync(page, 'utf8') !== referencePage()) {
  stderr.write('docs/commands.md is not what the commands print: npm run docs:cli writes it anew.\n')
  exit(1)
}

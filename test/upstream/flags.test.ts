import { expect, test } from 'vitest'
import { nativeServerNames } from '../../src/names/native-servers.ts'
import { reachableTools } from '../../src/servers/catalogue.ts'
import { flagsOf } from '../../src/upstream/pins.ts'

test.each(reachableTools(new Set(nativeServerNames)).map((tool) => [tool.definition.name, tool] as const))(
  'the native tool %s is an ordinary one',
  (_, tool) => expect(flagsOf(tool.definition)).toEqual([]),
)

import { expect, test } from 'vitest'
import { reachableTools } from '../../src/native/catalogue.ts'
import { nativeServerNames } from '../../src/native/server-names.ts'
import { flagsOf } from '../../src/upstream/pins.ts'

test.each(reachableTools(new Set(nativeServerNames)).map((tool) => [tool.definition.name, tool] as const))(
  'the native tool %s is an ordinary one',
  (_, tool) => expect(flagsOf(tool.definition)).toEqual([]),
)

/** The servers that live in this Worker; each is also served alone, at `/mcp/<name>`. */
export const nativeServerNames = ['session', 'legiti'] as const
export type NativeServerName = (typeof nativeServerNames)[number]

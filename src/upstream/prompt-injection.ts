/**
 * Finds prompt injection in a tool's texts: orders to the model rather than a description for a reader. English is here, other languages
 * are in prompt-injection-languages.ts. The patterns match what no honest description needs: to revoke other instructions, to keep
 * something from the user, to come before every other tool, to fetch secrets. PURE. Every pattern takes time in proportion to the text:
 * whatever may repeat is bounded.
 */

import { lazy } from '../base/lazy.ts'
import { encodedIn } from './encoded-text.ts'
import { otherLanguages } from './prompt-injection-languages.ts'

const words = (most: number) => String.raw`(?:[^\s.;:]{1,40} ){0,${most}}?`
const NEVER = `(?:do not|don't|dont|never|must not|mustn't|should not|shouldn't|without|avoid)`
const MUST = `(?:must|should|need to|needs to|have to|has to|required to|always|please|make sure to|be sure to)`
const READ =
  '(?:read|open|cat|load|access|fetch|retrieve|collect|include|copy|upload|send|attach|paste|dump|extract|print)'
const PASS =
  '(?:pass|send|include|attach|provide|put|append|paste|submit|supply|forward|post|upload|encode|use)'
const SECRETS = String.raw`(?:~?/?\.ssh\b|\bid_(?:rsa|ed25519|ecdsa|dsa)\b|(?<![\w*])\.env\b|\bmcp\.json\b|\bclaude_desktop_config\b|\.aws/credentials|/etc/(?:passwd|shadow)\b|\.netrc\b|\.npmrc\b|\.pypirc\b|\.kube/config|\.git-credentials|\.bash_history|\.zsh_history|\.config/gcloud|\.docker/config)`
const TOLD = '(?:instructions?|prompts?|rules|guidelines|directives?|training|guardrails)'

/** A text that the user need not hear unless they ask is left out, not kept secret. */
const UNASKED = `(?! (?:[^.]{1,80} )?unless (?:they|he|she|it is|the users?|explicitly|specifically|asked|requested))`

/** Matched against text in lower case with single spaces. */
const sources: readonly string[] = [
  // An order to ignore the model's earlier instructions.
  `\\b(?:ignore|disregard|forget|override|do not follow|don't follow|stop following) ${words(3)}(?:previous|prior|preceding|above|earlier|foregoing|original|initial|your|system|developer|safety) ${words(2)}${TOLD}\\b`,
  `\\b(?:ignore|disregard|forget) (?:all|any|every|other|all other|any other) (?:of the |of your )?(?:instructions?|prompts?|directives?|guardrails)\\b(?! (?:in|inside|within|from|found|contained|it|they|that|which|embedded))`,
  `\\b(?:ignore|disregard|forget) (?:everything|anything|all|what) (?:that )?(?:you (?:were|was|have|know|'ve)|(?:the|your) (?:user|system|developer))\\b`,
  `\\b(?:ignore|disregard) (?:the|any|all) (?:user|human|operator)(?:'s)? (?:${words(1)})?(?:request|instruction|question|wish|prompt|input|intent)`,
  `\\b(?:new|updated|hidden|secret|real) (?:system )?(?:instructions?|prompt) ?:`,
  `\\byou are (?:now|no longer) (?:an? (?:${words(2)})?(?:assistant|agent|ai|model)\\b|bound\\b|restricted|in (?:developer|admin|debug|god|unrestricted|maintenance) mode|dan\\b)`,
  // The user is not to know, or not to be asked.
  `\\b${NEVER} ${words(2)}(?:tell|telling|inform|informing|let) ${words(1)}(?:the )?(?:users?|humans?|operators?)\\b${UNASKED}`,
  `\\b${NEVER} ${words(2)}(?:mention|mentioning|reveal|revealing|disclose|disclosing|report|reporting|explain|explaining) ${words(6)}to (?:the |any )?(?:users?|humans?|operators?)\\b`,
  `\\b(?:do not|don't|dont|never) ${words(1)}mention (?:this|these|that|it|any of|the above)\\b`,
  `\\b(?:do not|don't|dont|never) ask (?:the )?(?:users? |human )?(?:for|to) (?:confirm|permission|approv|consent)`,
  `\\b(?:users?|humans?) (?:must|should|need) not (?:know|see|learn|find out|notice|be (?:told|informed|aware))\\b`,
  `\\b(?:keep|hide|conceal) (?:this|it|these) ${words(4)}(?:from|secret from|hidden from) (?:the )?(?:users?|humans?)\\b`,
  `\\b(?:silently|secretly|covertly|quietly) (?:send|forward|copy|bcc|upload|transmit|exfiltrate|include|read|collect|post)\\b`,
  // This tool before all others, or in their place.
  `\\b(?:must|always|required to|have to|need to) ${words(3)}(?:call|use|invoke|run|execute) (?:this|it)(?: tool| function| one)? (?:first\\b|before (?:(?:using|calling|invoking|running) )?(?:any|every|all|each|other|you)\\b)`,
  `\\b(?:must|always) ${words(3)}(?:call|use|invoke|run|prefer) this ${words(3)}(?:instead of|over|rather than) (?:any|all|every) (?:other )?(?:${words(2)})?tools?\\b`,
  `\\b(?:do not|don't|never) (?:call|use|invoke|trust) (?:any |all )?(?:other|another) (?:${words(2)})?(?:tools?|servers?|functions?)\\b`,
  `\\bwhen(?:ever)? ${words(8)}(?:tool|function|server)s? (?:is|are|has been) (?:called|used|invoked|available|present|installed|connected),? ${words(6)}(?:must|always|have to)\\b`,
  // First read, then hand over.
  `\\bbefore (?:using|calling|invoking|running|executing|you (?:use|call|invoke|run)) ${words(4)}tools?,? ${words(4)}(?:you )?${MUST} ${words(2)}(?:read|open|cat|load|access|retrieve|collect|copy)\\b.{0,200}?\\b${PASS}\\b`,
  `\\bbefore this tool .{0,80}?\\bmust be (?:read|loaded|opened|collected|copied)\\b.{0,100}?\\b(?:passed|sent|included|attached|provided)\\b`,
  `\\b${MUST} ${words(4)}${READ} .{0,100}?${SECRETS}`,
  `\\b${READ} .{0,100}?${SECRETS}.{0,100}?\\b(?:and|then|,) ${words(2)}${PASS}\\b`,
  `\\b${PASS} ${words(2)}(?:the )?(?:contents?|text|data) (?:of|from) .{0,60}?${SECRETS}`,
  `\\b${PASS} ${words(3)}your ${words(1)}(?:system prompt|instructions|conversation|chat history|context window)\\b`,
  `\\b${PASS} ${words(3)}(?:entire|full|whole|complete) (?:conversation|chat)(?: history| log)? (?:with the user|so far|up to|above|as|in) `,
  // Copies of what others send.
  `\\b(?:must|always|every|all|also) ${words(6)}(?:b?cc(?:'d|ed)?|forward(?:ed)?|copy|copied|sent|send a copy|redirect(?:ed)?) ${words(5)}(?:to )?[\\w.+-]{1,64}@(?!example\\.)[\\w-]{1,63}\\.[a-z]`,
  // A text in the form of a conversation's frame.
  '</?(?:important|system[-_ ](?:prompt|message|reminder|instructions?)|important[-_ ]instructions?|critical[-_ ]instructions?)>',
  '</(?:system|secret|hidden|admin|assistant|critical)>',
  String.raw`(?<![|:/\x60'"=[-])<(?:system|assistant)>(?![|:/.\x60'"=\]-])`,
  String.raw`<\|(?:im_start|im_end|system|endoftext|start_header_id|eot_id)\|>`,
  String.raw`\[/?inst\]|<</?sys>>`,
]

const patterns = lazy(() => sources.map((source) => new RegExp(source, 'u')))
const inOtherLanguages = otherLanguages(SECRETS)

/** Returns the first piece of a text that gives orders to the model; null where there is none. */
export function promptInjectionIn(text: string): string | null {
  const plain = text
    .normalize('NFKC')
    .replaceAll(/[\u2018\u2019\u02BC]/g, "'")
    .replaceAll(/[*_]{1,3}(?=\p{L})|(?<=\p{L})[*]{1,3}/gu, (mark) => (mark.startsWith('_') ? mark : ''))
    .replaceAll(/\s+/g, ' ')
    .toLowerCase()
  for (const pattern of patterns()) {
    const found = pattern.exec(plain)
    if (found !== null) return found[0].trim()
  }
  const found = inOtherLanguages(plain)
  if (found !== null) return found
  const encoded = encodedIn(text)
  return encoded === null
    ? null
    : `${encoded.run.length} characters that spell ${JSON.stringify(encoded.text)}`
}

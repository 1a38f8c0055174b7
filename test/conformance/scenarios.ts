/**
 * Which scenarios of the official conformance suite run against `/mcp`, and where the others do: most call
 * fixtures, that is tools, resources or prompts of a reference server, by exact name. The native servers have
 * none of them; a reference server behind the gateway has them all (upstream.node.test.ts). Nothing else is a
 * reason: a scenario that needs no fixture is run here.
 */

/** One version of the suite at one revision of the protocol. */
export interface Run {
  readonly name: string
  /** The npm alias under which that version of the suite is installed. */
  readonly suite: 'conformance-2025' | 'conformance-2026'
  readonly revision: '2025-11-25' | '2026-07-28'
  /** Options of the suite's command line that choose the revision; 0.1.16 only knows its own. */
  readonly options: readonly string[]
  readonly scenarios: readonly Scenario[]
  /** Run against a reference server behind the gateway instead, and the fixture that each needs. */
  readonly behindGateway: Readonly<Record<string, string>>
  /** Of optional extensions that the gateway does not offer. */
  readonly notOffered: Readonly<Record<string, string>>
}

export interface Scenario {
  readonly name: string
  /** Checks of a scenario that is run which alone need a fixture or do not apply, and why. All others must succeed. */
  readonly unexercised?: Readonly<Record<string, string>>
}

const tool = (name: string) => `calls the fixture tool ${name}`
const resource = (uri: string) => `needs the fixture resource ${uri}`
const prompt = (name: string) => `needs the fixture prompt ${name}`

const multipleStreams: Scenario = {
  name: 'server-sse-multiple-streams',
  unexercised: { 'server-sse-streams-functional': 'our answers are JSON, so there is no stream to try' },
}

const behindInBothEras = {
  'completion-complete': prompt('test_prompt_with_arguments'),
  'tools-call-simple-text': tool('test_simple_text'),
  'tools-call-image': tool('test_image_content'),
  'tools-call-audio': tool('test_audio_content'),
  'tools-call-embedded-resource': tool('test_embedded_resource'),
  'tools-call-mixed-content': tool('test_multiple_content_types'),
  'tools-call-error': tool('test_error_handling'),
  'tools-call-with-progress': tool('test_tool_with_progress'),
  'json-schema-2020-12': 'looks for the fixture tool json_schema_2020_12_tool',
  'resources-read-text': resource('test://static-text'),
  'resources-read-binary': resource('test://static-binary'),
  'resources-templates-read': resource('test://template/{id}/data'),
  'prompts-get-simple': prompt('test_simple_prompt'),
  'prompts-get-with-args': prompt('test_prompt_with_arguments'),
  'prompts-get-embedded-resource': prompt('test_prompt_with_embedded_resource'),
  'prompts-get-with-image': prompt('test_prompt_with_image'),
}

const sessionEraScenarios: readonly Scenario[] = [
  { name: 'server-initialize' },
  { name: 'ping' },
  { name: 'logging-set-level' },
  { name: 'tools-list' },
  { name: 'resources-list' },
  { name: 'prompts-list' },
  multipleStreams,
  { name: 'dns-rebinding-protection' },
]

const behindInSessionEra = {
  ...behindInBothEras,
  'tools-call-with-logging': tool('test_tool_with_logging'),
  'tools-call-sampling': tool('test_sampling'),
  'tools-call-elicitation': tool('test_elicitation'),
  'elicitation-sep1034-defaults': tool('test_elicitation_sep1034_defaults'),
  'elicitation-sep1330-enums': tool('test_elicitation_sep1330_enums'),
  'server-sse-polling': tool('test_reconnection'),
  'resources-subscribe': resource('test://watched-resource'),
  'resources-unsubscribe': resource('test://watched-resource'),
}

const statelessScenarios: readonly Scenario[] = [
  {
    name: 'server-stateless',
    unexercised: {
      'sep-2575-server-rejects-undeclared-capability': tool('test_missing_capability'),
      'sep-2575-missing-capability-http-400': tool('test_missing_capability'),
      'sep-2575-http-server-no-independent-requests-on-stream': tool('test_streaming_elicitation'),
      'sep-2575-server-no-log-without-loglevel': tool('test_logging_tool'),
      'sep-2575-server-sends-tools-list-changed-on-subscription': tool('test_trigger_tool_change'),
      'sep-2575-server-sends-prompts-list-changed-on-subscription': tool('test_trigger_prompt_change'),
    },
  },
  { name: 'tools-list' },
  { name: 'resources-list' },
  { name: 'sep-2164-resource-not-found' },
  { name: 'prompts-list' },
  {
    name: 'caching',
    unexercised: { 'sep-2549-resources-read-caching-hints': 'there is no resource to read' },
  },
  multipleStreams,
  { name: 'dns-rebinding-protection' },
  { name: 'http-header-validation' },
  { name: 'input-required-result-unsupported-methods' },
]

const behindInStatelessEra = {
  ...behindInBothEras,
  'http-custom-header-server-validation': 'needs a fixture tool whose schema has x-mcp-header',
  'input-required-result-basic-elicitation': tool('test_input_required_result_elicitation'),
  'input-required-result-basic-sampling': tool('test_input_required_result_sampling'),
  'input-required-result-basic-list-roots': tool('test_input_required_result_list_roots'),
  'input-required-result-request-state': tool('test_input_required_result_request_state'),
  'input-required-result-multiple-input-requests': tool('test_input_required_result_multiple_inputs'),
  'input-required-result-multi-round': tool('test_input_required_result_multi_round'),
  'input-required-result-missing-input-response': tool('test_input_required_result_elicitation'),
  'input-required-result-non-tool-request': prompt('test_input_required_result_prompt'),
  'input-required-result-result-type': tool('test_input_required_result_elicitation'),
  'input-required-result-tampered-state': tool('test_input_required_result_tampered_state'),
  'input-required-result-capability-check': tool('test_input_required_result_capabilities'),
  'input-required-result-ignore-extra-params': tool('test_input_required_result_elicitation'),
  'input-required-result-validate-input': tool('test_input_required_result_elicitation'),
}

const tasks = 'needs the tasks extension (optional, not offered) and its fixture tools'
const skills = 'needs the skills extension (optional, not offered) and fixture skills'

const extensions = {
  'tasks-lifecycle': tasks,
  'tasks-capability-negotiation': tasks,
  'tasks-wire-fields': tasks,
  'tasks-request-state-removal': tasks,
  'tasks-mrtr-input': tasks,
  'tasks-request-headers': tasks,
  'tasks-dispatch-and-envelope': tasks,
  'tasks-status-notifications': tasks,
  'tasks-required-task-error': tasks,
  'tasks-mrtr-composition': tasks,
  'sep-2640-skills-directory': skills,
  'sep-2640-skills-enumeration': skills,
  'sep-2640-skills-manifest': skills,
}

export const runs: readonly Run[] = [
  {
    name: 'suite 0.1.16, revision 2025-11-25',
    suite: 'conformance-2025',
    revision: '2025-11-25',
    options: [],
    scenarios: sessionEraScenarios,
    behindGateway: behindInSessionEra,
    notOffered: {},
  },
  {
    name: 'suite 0.2.0-alpha.12, revision 2025-11-25',
    suite: 'conformance-2026',
    revision: '2025-11-25',
    options: ['--spec-version', '2025-11-25'],
    scenarios: [...sessionEraScenarios, { name: 'server-session-lifecycle' }],
    behindGateway: behindInSessionEra,
    notOffered: {},
  },
  {
    name: 'suite 0.2.0-alpha.12, revision 2026-07-28',
    suite: 'conformance-2026',
    revision: '2026-07-28',
    options: ['--spec-version', '2026-07-28'],
    scenarios: statelessScenarios,
    behindGateway: behindInStatelessEra,
    notOffered: extensions,
  },
]

/**
 * For every setting, the test that fails when its effect is removed. A setting without one is accepted and forgotten, or
 * soon will be: `every-setting.test.ts` refuses it.
 */

export interface Proof {
  /** Of settings as `every-setting.test.ts` calls them. */
  readonly of: RegExp
  /** Under `test/`. */
  readonly file: string
  /** Of the test, or of the group that has it. */
  readonly title: string
}

const proof = (of: RegExp, file: string, title: string): Proof => ({ of, file, title })

/** What is there for people, or for editors, and does nothing on purpose. */
export const notes = /^policy \w+ (description|\$schema)$/

const TENANT: readonly Proof[] = [
  proof(
    /^tenant identity\.trusted$/,
    'servers/session/login.test.ts',
    'is refused where the tenant does not trust its grants',
  ),
  proof(
    /^tenant identity\.jwt\[\]\.(issuer|audience\[\]|jwks_uri)$/,
    'servers/session/login.test.ts',
    'the account is the sub of a token that is right in every part',
  ),
  proof(
    /^tenant identity\.jwt\[\]\.jwks\.keys\[\]$/,
    'servers/session/login.test.ts',
    'keys may also be part of the configuration',
  ),
  proof(
    /^tenant identity\.magento\[\]\.(base_url|customer)$/,
    'servers/session/magento.test.ts',
    'logs in with name and password, and is the id that the store has for them',
  ),
  proof(
    /^tenant identity\.magento\[\]\.(name|account_prefix)$/,
    'servers/session/magento.test.ts',
    'of one of several stores is told apart by its prefix',
  ),
  proof(
    /^tenant identity\.magento\[\]\.admin$/,
    'servers/session/magento.test.ts',
    'is the user name, in one spelling',
  ),
  proof(
    /^tenant sessions\.(idle|absolute)_seconds$/,
    'principal/tables/sessions.test.ts',
    'both times are the tenant’s to set',
  ),
  proof(
    /^tenant (identity|sessions|approvals)\./,
    'tenant/demo-settings.test.ts',
    'holds for the built-in grant',
  ),
  proof(
    /^tenant approvals\.expires_seconds$/,
    'approvals/approvals.test.ts',
    "waits as long as the tenant's settings say",
  ),
  proof(
    /^tenant audit\.retention_days$/,
    'audit/retention.test.ts',
    'cuts a long log up to the first row that is not old',
  ),
  proof(
    /^tenant audit\.retention_days$/,
    'settings/refused.test.ts',
    'how long rows are kept where no database keeps them',
  ),
  proof(
    /^tenant access(\.(team_domain|audience\[\]))?$/,
    'admin/people.test.ts',
    'another tenant’s assertion is a stranger’s',
  ),
]

const THINGS: readonly Proof[] = [
  proof(/^grant label$/, 'principal/policy.test.ts', 'on the label of the grant'),
  proof(/^grant policy$/, 'admin/grants.test.ts', 'without a policy is denied everything'),
  proof(/^grant servers(\[\])?$/, 'deployment/native-servers.test.ts', 'those that it names beside "*"'),
  proof(/^grant servers(\[\])?$/, 'admin/grants.test.ts', 'are all of them, or those that it names'),
  proof(
    /^grant owner$/,
    'approvals/approvals.test.ts',
    'whose agent it is may deny its calls, not approve them',
  ),
  proof(
    /^grant sessions$/,
    'servers/session/whose.test.ts',
    'holds from the next request, and no call becomes another account’s by it',
  ),
  proof(/^grant expires_at$/, 'admin/grants.test.ts', 'ends when its time is over'),
  proof(
    /^grant\.rotate overlap_seconds$/,
    'admin/rotation.test.ts',
    'lets both tokens in until the overlap is over',
  ),
  proof(/^server url$/, 'admin/secrets.test.ts', 'is sent as a header, behind its prefix'),
  proof(/^server headers$/, 'admin/secrets.test.ts', 'is sent as a header, behind its prefix'),
  proof(/^server era$/, 'admin/grants.test.ts', 'carry what the document says'),
  proof(/^server timeouts\.(response|idle|call)_seconds$/, 'forward/audit.test.ts', 'how a call ended'),
  proof(
    /^server timeouts\.list_seconds$/,
    'forward/merged-rules.node.test.ts',
    'how long others wait is a setting',
  ),
  proof(
    /^server limits\.response_bytes$/,
    'faults/upstream-answers.node.test.ts',
    '100 MB without a declared length are cut off',
  ),
  proof(
    /^server limits\.concurrent$/,
    'faults/upstream-breaker.node.test.ts',
    'more calls than it may have open are refused at once',
  ),
  proof(
    /^server breaker\.failures$/,
    'faults/upstream-breaker.node.test.ts',
    'after failures in a row it is left alone',
  ),
  proof(
    /^server breaker\.open_seconds$/,
    'faults/upstream-breaker.node.test.ts',
    'once it is well again, calls get through again',
  ),
  proof(/^server on_drift$/, 'forward/drift.node.test.ts', 'hide: from the very list that shows the change'),
  proof(/^server enabled$/, 'admin/grants.test.ts', 'go when they are switched off or deleted'),
  proof(/^person role$/, 'admin/people.test.ts', 'opens the administration as far as the role goes'),
  proof(/^person email$/, 'admin/people.test.ts', 'lets in whom it vouches for, in the role that they have'),
  proof(
    /^person accounts\[\]$/,
    'approvals/approvals.test.ts',
    'whom sessions know by another account are kept from their own calls',
  ),
  proof(
    /^person\.token (expires_at|overlap_seconds)$/,
    'admin/people.test.ts',
    'takes the place of the one before it, at once or after a while',
  ),
  proof(/^secret value$/, 'admin/secrets.test.ts', 'is sent as a header, behind its prefix'),
  proof(/^secret origins\[\]$/, 'admin/secrets.test.ts', 'bar a server that moves'),
  proof(/^webhook url$/, 'webhooks/webhooks.test.ts', 'is signed, says what happened, and no argument'),
  proof(
    /^webhook (events\[\]|enabled)$/,
    'webhooks/webhooks.test.ts',
    'is for those who asked for its type, and are enabled',
  ),
  proof(
    /^webhook\.rotate overlap_seconds$/,
    'webhooks/webhooks.test.ts',
    'signs with both until the overlap is over',
  ),
  proof(/^policy\.rollback version$/, 'admin/convention.test.ts', 'roll back in one call'),
  proof(
    /^grant\.sessions\.end account$/,
    'admin/sessions.test.ts',
    'ends all sessions of a grant, or those of one account in it',
  ),
  proof(
    /^sessions\.end account$/,
    'admin/sessions.test.ts',
    'ends an account’s sessions in all grants, and no others',
  ),
  proof(/^audit\.verify after$/, 'audit/api.test.ts', 'finds a log of nobody on any page'),
  proof(
    /^approval (decision|reason)$/,
    'approvals/approvals.test.ts',
    'is denied with the reason, for as long as it would have waited',
  ),
]

const RULES = '(tools\\.\\*|all_tools|resources\\.\\*|prompts\\.\\*)'
const hosted = (rest: string) => new RegExp(`^policy hosted ${RULES}\\.${rest}$`)
const CONDITION = '(op|path|value|value\\[\\])'

const POLICY: readonly Proof[] = [
  proof(/^policy \w+ version$/, 'policy/hosted.pure.test.ts', 'a policy with a problem does not load'),
  proof(/^policy \w+ default$/, 'policy/decide.pure.test.ts', 'default deny refuses an unnamed tool'),
  proof(/^policy \w+ mode$/, 'principal/policy.test.ts', 'a policy in shadow hides and denies nothing'),
  proof(/^policy \w+ hide\[\]$/, 'policy/decide.pure.test.ts', 'hidden outranks everything'),
  proof(/^policy \w+ tools$/, 'policy/decide.pure.test.ts', 'under default deny, naming a tool allows it'),
  proof(/^policy \w+ (resources|prompts)$/, 'policy/reading.pure.test.ts', 'a section decides for itself'),
  proof(
    /^policy \w+ (resources|prompts)\.\*\.hide$/,
    'forward/reading.test.ts',
    'what is hidden is answered as what is not there',
  ),
  proof(
    hosted(
      `(deny_if|require|require_approval)\\[\\]\\.((conditions\\[\\]|any_of\\[\\]|not)\\.)?${CONDITION}`,
    ),
    'principal/policy.test.ts',
    'on arguments decide before anything is charged',
  ),
  proof(
    hosted('(deny_if|require)\\[\\]\\.on_deny'),
    'policy/decide.pure.test.ts',
    'a denial outranks limits, and gives its own words or ours',
  ),
  proof(hosted('require_approval\\[\\]\\.on_deny'), 'approvals/approvals.test.ts', 'waits under a link'),
  proof(
    hosted('(deny_if|require|require_approval)\\[\\]\\.shadow'),
    'principal/policy.test.ts',
    'a rule in shadow changes nothing and is written down',
  ),
  proof(
    /^policy hosted (all|(tools|resources|prompts)\.\*|all_tools)\.(limits|counts)\[\]\.(counter|window|scope)$/,
    'policy/decide.pure.test.ts',
    'differs by tool, counter, window and scope',
  ),
  proof(
    /^policy hosted (all|(tools|resources|prompts)\.\*|all_tools)\.limits\[\]\.max$/,
    'principal/limits.test.ts',
    'the origin document’s policy for track_logout',
  ),
  proof(
    /^policy hosted (all|(tools|resources|prompts)\.\*|all_tools)\.(limits|counts)\[\]\.(increment|increment_from)$/,
    'principal/policy.test.ts',
    'add up decimals exactly',
  ),
  proof(
    /^policy hosted (all|(tools|resources|prompts)\.\*|all_tools)\.limits\[\]\.strict$/,
    'policy/counting.pure.test.ts',
    'charges a counter once, however many limits share it',
  ),
  proof(
    /^policy hosted (all|(tools|resources|prompts)\.\*|all_tools)\.limits\[\]\.on_deny$/,
    'policy/rules.pure.test.ts',
    'limits a rate',
  ),
  proof(
    /^policy hosted (all|(tools|resources|prompts)\.\*|all_tools)\.limits\[\]\.shadow$/,
    'policy/counting.pure.test.ts',
    'in shadow counts on past its limit',
  ),
  proof(
    /^policy hosted (all|(tools|resources|prompts)\.\*|all_tools)\.(limits|counts)\[\]\.sliding$/,
    'principal/policy.test.ts',
    'slide: no burst at the turn of the minute',
  ),
  proof(
    /^policy hosted (tools\.\*|all_tools)\.limits\[\]\.tool$/,
    'policy/rules.pure.test.ts',
    'looks at the counter of another tool without moving it',
  ),
  proof(
    /^policy \w+ .*conceal(\[\])?$/,
    'approvals/conceal.pure.test.ts',
    'is replaced by its type, wherever it is',
  ),
  proof(
    /^policy rule (all|(tools|resources|prompts)\.\*)\.rules\[\]\.(action|on_deny|name)$/,
    'policy/rules.pure.test.ts',
    'denies outright, and asks for approval',
  ),
  proof(
    new RegExp(
      `^policy rule (tools|resources|prompts)\\.\\*\\.rules\\[\\]\\.conditions\\[\\]\\.((any_of\\[\\]|not)\\.)?${CONDITION}$`,
    ),
    'policy/rules.pure.test.ts',
    'denies unless all conditions of every rule hold',
  ),
  proof(
    /^policy rule (all|(tools|resources|prompts)\.\*)\.rules\[\]\.rate_limit$/,
    'policy/rules.pure.test.ts',
    'limits a rate',
  ),
  proof(
    /^policy rule (all|(tools|resources|prompts)\.\*)\.rules\[\]\.shadow$/,
    'policy/rules.pure.test.ts',
    'a limit in shadow does not move a counter that others compare',
  ),
  proof(
    /^policy rule tools\.\*\.rules\[\]\.state\.(counter|increment|increment_from|scope|sliding|window)$/,
    'policy/rules.pure.test.ts',
    'limits a counter by a condition on it',
  ),
  proof(
    /^policy short (all|(tools|resources|prompts)\.\*)\.(action|reason)$/,
    'policy/rules.pure.test.ts',
    'allows, denies with a reason and asks',
  ),
  proof(
    /^policy short (all|(tools|resources|prompts)\.\*)\.rate_limit\.(max|window|scope|sliding)$/,
    'policy/rules.pure.test.ts',
    'counts a rate by session, in seconds, unless told otherwise',
  ),
  proof(
    /^policy short (all|(tools|resources|prompts)\.\*)\.shadow$/,
    'policy/shadow.pure.test.ts',
    'says what it would have done, and does nothing',
  ),
]

const DEPLOYMENT: readonly Proof[] = [
  proof(
    /^env (PRINCIPAL|TENANT|DIRECTORY|TENANT_COUNTERS|EXCHANGE|LEGITI_STAND_IN)$/,
    'mcp/one-hop.test.ts',
    'a notification for Legiti',
  ),
  proof(/^env AUDIT_DB$/, 'app.test.ts', 'is not ready without the tables of the audit trail'),
  proof(/^env AUTH_FAILURES$/, 'mcp/auth.test.ts', 'an address that fails too often waits a second'),
  proof(/^env DEMO$/, 'mcp/auth.test.ts', 'does not exist without DEMO, nor for any other value of it'),
  proof(
    /^env (DEMO|IGNORE_JURISDICTION|ALLOWED_ORIGINS)$/,
    'settings/refused.test.ts',
    'a variable that would do nothing',
  ),
  proof(/^env ALLOW_PRIVATE_UPSTREAMS$/, 'app.test.ts', 'names a variable that cannot be meant'),
  proof(/^env IGNORE_JURISDICTION$/, 'admin/lifecycle.test.ts', 'is never ignored but where that is said'),
  proof(/^env RESOLVER_URL$/, 'servers/session/login.test.ts', 'a name counts for what it resolves to'),
  proof(/^env ALLOWED_ORIGINS$/, 'app.test.ts', 'is let through when it is on the list, exactly'),
  proof(/^env PUBLIC_URL$/, 'approvals/naming.pure.test.ts', 'with PUBLIC_URL'),
  proof(/^env MAX_BODY_BYTES$/, 'app.test.ts', 'names a variable that cannot be meant'),
  proof(/^env LOG_DECISIONS$/, 'request/decided.test.ts', 'LOG_DECISIONS'),
  proof(
    /^env NATIVE_SERVERS$/,
    'deployment/native-servers.test.ts',
    'a deployment can have no native server at all',
  ),
  proof(
    /^env LEGITI_BASE_URL$/,
    'servers/deployments.node.test.ts',
    'with Legiti, a grant has the tools that it names',
  ),
  proof(/^env LEGITI_API_KEY$/, 'servers/legiti.test.ts', 'are asked for with our key, in a header'),
  proof(/^env LEGITI_PROFILE$/, 'legiti/wire.pure.test.ts', 'the ticketing-v1 profile'),
  proof(
    /^env LEGITI_REPORT_LOGINS$/,
    'servers/deployments.node.test.ts',
    'events that wait when Legiti is taken away are kept',
  ),
  proof(/^env ENCRYPTION_KEYS$/, 'admin/secrets.test.ts', 'cannot be stored without keys'),
  proof(
    /^env (TENANT_DOMAIN|CUSTOM_HOSTNAMES)$/,
    'request/hosts.test.ts',
    'an agent’s token is good at its tenant’s names',
  ),
  proof(
    /^env ACCESS_(TEAM_DOMAIN|AUD)$/,
    'admin/people.test.ts',
    'lets in whom it vouches for, in the role that they have',
  ),
  proof(
    /^env ROOT_TOKEN$/,
    'admin/root.test.ts',
    'opens nothing, and the published one does not take its place',
  ),
]

export const proofs: readonly Proof[] = [...TENANT, ...THINGS, ...POLICY, ...DEPLOYMENT]

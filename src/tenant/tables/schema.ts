import { CREATE_AUDIT_CHAIN, CREATE_AUDIT_CHECKPOINTS, FIRST_OF_AUDIT_CHAIN } from '../../audit/object-log.ts'
import { runMigrations } from '../../durable/migrate.ts'

/** Gives each secret the origins of the servers that name it now. */
export const ORIGINS_FROM_SERVERS = `UPDATE secrets SET origins = (
    SELECT json_group_array(DISTINCT substr(url, 1, host - 1) || substr(rest, 1, instr(rest || '/', '/') - 1))
    FROM (
      SELECT url, host, substr(url, host) AS rest FROM (
        SELECT document ->> '$.url' AS url, instr(document ->> '$.url', '://') + 3 AS host
        FROM secret_headers JOIN servers ON servers.name = secret_headers.server
        WHERE secret_headers.secret = secrets.name
      )
    )
  );`

/**
 * Everything a TenantObject stores. Migrations are numbered, only ever appended, and run at a tenant's first PUT or
 * when an object that has tables wakes up; the object of a tenant that was never set up has no table at all.
 *
 * Times are Unix milliseconds.
 */
const migrations: readonly string[] = [
  `
  -- The tenant itself.
  CREATE TABLE tenant (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,
    settings TEXT NOT NULL,             -- TenantDocument as JSON
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    push_failures INTEGER NOT NULL      -- not used any more
  );

  -- Upstream servers, as registered, and what was found out about them.
  CREATE TABLE servers (
    name TEXT PRIMARY KEY,
    document TEXT NOT NULL,             -- ServerDocument as JSON, without headers
    headers TEXT NOT NULL,              -- JSON object: lower-case name to sealed value
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    session_era INTEGER,                -- 1 speaks it, 0 does not, NULL: nobody knows yet
    stateless_era INTEGER,
    protocol_version TEXT,
    server_info TEXT,                   -- JSON of {name, version}, as the server calls itself
    last_success_at INTEGER,
    successes INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    last_failure TEXT,                  -- JSON of {atMs, kind, message}
    breaker TEXT NOT NULL DEFAULT 'closed',
    breaker_at INTEGER NOT NULL DEFAULT 0
  );

  -- What each tool of a server was when it was first listed, or last accepted.
  CREATE TABLE pins (
    server TEXT NOT NULL,
    tool TEXT NOT NULL,
    fingerprint TEXT NOT NULL,          -- SHA-256 of the definition's canonical text, as hex
    definition TEXT NOT NULL,           -- that text; '' where it is too long to be kept
    pinned_at INTEGER NOT NULL,
    PRIMARY KEY (server, tool)
  ) WITHOUT ROWID;

  -- Tools that are not what they were pinned as.
  CREATE TABLE drift (
    server TEXT NOT NULL,
    tool TEXT NOT NULL,
    fingerprint TEXT NOT NULL,          -- of what the tool is now
    definition TEXT NOT NULL,
    since INTEGER NOT NULL,             -- when it was first seen to differ
    diff TEXT NOT NULL,                 -- JSON array of {field, before, after}
    PRIMARY KEY (server, tool)
  ) WITHOUT ROWID;

  -- The last complete listing of a server's tools.
  CREATE TABLE listings (
    server TEXT PRIMARY KEY,
    digest TEXT NOT NULL,               -- as the Worker that listed them named it
    listed_at INTEGER NOT NULL,
    tools INTEGER NOT NULL,
    renamed TEXT NOT NULL,              -- JSON object: exposed name to the server's own
    left_out TEXT NOT NULL,             -- JSON array of {name, reason}
    flags TEXT NOT NULL                 -- JSON array of {tool, kind, where, found}
  );
  -- Its tools as JSON in UTF-8, cut into pieces, for a row holds 2 MB at most.
  CREATE TABLE listing_parts (
    server TEXT NOT NULL,
    part INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (server, part)
  );

  -- Listings that have been compared with the pins as they are now; the youngest have the highest 'seq'.
  CREATE TABLE seen (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    server TEXT NOT NULL,
    digest TEXT NOT NULL,
    UNIQUE (server, digest)
  );

  -- Policies: every version is a row of its own and never changes.
  CREATE TABLE policy_versions (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,             -- JSON, as its author wrote it
    created_at INTEGER NOT NULL,
    PRIMARY KEY (name, version)
  );
  CREATE TABLE policies (
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL            -- the current one
  );

  -- Grants. What a principal was last told is of revision 'pushed'; behind 'revision' it has yet to be told.
  CREATE TABLE grants (
    name TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    policy TEXT,                        -- NULL: none, so nothing is allowed
    servers TEXT NOT NULL,              -- JSON array of names, or "*"
    secret_hash BLOB NOT NULL,          -- SHA-256 of the token's secret part
    origin TEXT NOT NULL,               -- 'tenant', or 'demo': the built-in one, whose policy is the demo's own
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER,
    deleted_at INTEGER,                 -- deleted; the row goes when the principal knows
    revision INTEGER NOT NULL,
    pushed INTEGER NOT NULL
  );
  CREATE INDEX grants_pending ON grants (name) WHERE pushed < revision;
  `,
  `
  -- What administrators changed. A row goes once the audit database has confirmed it.
  CREATE TABLE changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    request_id TEXT NOT NULL,           -- '' where no request asked for it
    actor TEXT NOT NULL,                -- root | person:<name> | gateway
    action TEXT NOT NULL,               -- <thing>.<verb>
    subject TEXT NOT NULL,              -- <thing>/<name>
    detail TEXT NOT NULL                -- JSON object of names and versions
  );

  -- How far the rows above are chained and carried; the same in a PrincipalObject.
  ${CREATE_AUDIT_CHAIN}

  -- Everyone who ever had a log here: whoever is missing in the audit database was removed from it.
  CREATE TABLE audit_principals (name TEXT PRIMARY KEY) WITHOUT ROWID;
  INSERT INTO audit_principals SELECT name FROM grants;
  CREATE TRIGGER audit_principals_of_grants AFTER INSERT ON grants
  BEGIN INSERT OR IGNORE INTO audit_principals VALUES (new.name); END;

  -- Where retention has cut a log: the last row that went, and its hash, which the next row is chained to.
  CREATE TABLE audit_cuts (
    principal TEXT NOT NULL,
    chain TEXT NOT NULL,
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (principal, chain)
  ) WITHOUT ROWID;
  CREATE TABLE audit_retention (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    next_at INTEGER NOT NULL            -- when old rows are looked for again, 0: at once
  );
  INSERT INTO audit_retention VALUES (1, 0);
  `,
  `
  -- Which state of a thing an administrator has seen (If-Match). Stamps only grow, so a thing that was deleted and
  -- made again is not taken for the first. 'thing' is as in 'changes'; without a row it is 0.
  CREATE TABLE stamps (thing TEXT PRIMARY KEY, stamp INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE last_stamp (id INTEGER PRIMARY KEY CHECK (id = 1), stamp INTEGER NOT NULL);
  INSERT INTO last_stamp VALUES (1, 0);

  -- Whether the tenant's agents are refused, and whether it is going away.
  ALTER TABLE tenant ADD COLUMN suspended_at INTEGER;
  ALTER TABLE tenant ADD COLUMN deleting_at INTEGER;
  ALTER TABLE tenant ADD COLUMN delete_by INTEGER;      -- what is undelivered by then is lost
  -- Principals that have yet to go, once the tenant is being deleted.
  CREATE TABLE leaving (
    principal TEXT PRIMARY KEY,         -- grant, as it is or was
    lost INTEGER NOT NULL DEFAULT 0,    -- events that go undelivered; written before it is erased
    gone INTEGER NOT NULL DEFAULT 0     -- 1: erased
  ) WITHOUT ROWID;

  -- People who administer the tenant.
  CREATE TABLE people (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,                 -- viewer | policy_manager | approver | admin
    email TEXT UNIQUE,                  -- lower case; who Cloudflare Access says they are
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE person_tokens (
    person TEXT NOT NULL,
    hash BLOB NOT NULL,                 -- SHA-256 of the token's secret part
    created_at INTEGER NOT NULL,
    until INTEGER,                      -- NULL: until revoked
    PRIMARY KEY (person, hash)
  );

  -- Earlier secrets of grants that are good for a while yet.
  CREATE TABLE older_secrets (
    grant_name TEXT PRIMARY KEY,
    hash BLOB NOT NULL,
    until INTEGER NOT NULL
  );

  -- Named secrets, sealed; and which header of which server is made of one.
  CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    sealed TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  );
  CREATE TABLE secret_headers (
    server TEXT NOT NULL,
    header TEXT NOT NULL,
    secret TEXT NOT NULL,
    prefix TEXT NOT NULL,
    PRIMARY KEY (server, header)
  ) WITHOUT ROWID;
  CREATE INDEX secret_headers_of ON secret_headers (secret);

  -- Who made a version of a policy and why, and who made it the current one.
  ALTER TABLE policy_versions ADD COLUMN created_by TEXT NOT NULL DEFAULT '';
  ALTER TABLE policy_versions ADD COLUMN reason TEXT;

  -- Answers to creations, for whoever repeats the request with its key.
  CREATE TABLE repeats (
    key TEXT NOT NULL,
    actor TEXT NOT NULL,
    digest TEXT NOT NULL,               -- SHA-256 of the request
    sealed_seed TEXT NOT NULL,          -- what its secrets are made of
    sealed_answer TEXT,                 -- JSON of {status, headers, body}; NULL while there is none
    at INTEGER NOT NULL,
    PRIMARY KEY (actor, key)
  );
  CREATE INDEX repeats_at ON repeats (at);
  `,
  `
  -- Calls that wait for a person, or did: copies of what principals hold.
  CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,          -- the highest that was told
    state TEXT NOT NULL,                -- pending | approved | denied | used
    requested_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    view TEXT NOT NULL                  -- ApprovalView as JSON
  );
  CREATE INDEX approvals_requested ON approvals (requested_at, id);
  CREATE INDEX approvals_state ON approvals (state, requested_at, id);
  CREATE INDEX approvals_expiry ON approvals (expires_at);

  -- Receivers of what the tenant announces.
  CREATE TABLE webhooks (
    name TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    events TEXT NOT NULL,               -- JSON array of types
    enabled INTEGER NOT NULL,
    secret TEXT NOT NULL,               -- sealed
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0, -- rounds that failed in a row
    retry_at INTEGER NOT NULL DEFAULT 0, -- nothing is sent before
    last_error TEXT,
    last_success_at INTEGER
  );

  -- What is sent to them: at least once each, in no particular order.
  CREATE TABLE webhook_messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook TEXT NOT NULL,
    id TEXT NOT NULL,                   -- webhook-id, the same in every attempt
    type TEXT NOT NULL,
    body TEXT NOT NULL,                 -- as it is sent; '' once delivered
    at INTEGER NOT NULL,
    give_up_at INTEGER NOT NULL,        -- undelivered by then, it is a dead letter
    state TEXT NOT NULL,                -- pending | delivered | dead
    attempts INTEGER NOT NULL DEFAULT 0,
    settled_at INTEGER,
    last_error TEXT,
    UNIQUE (webhook, id)
  );
  CREATE INDEX webhook_messages_state ON webhook_messages (webhook, state, attempts, seq);
  CREATE INDEX webhook_messages_give_up ON webhook_messages (give_up_at) WHERE state = 'pending';
  CREATE INDEX webhook_messages_settled ON webhook_messages (state, settled_at) WHERE settled_at IS NOT NULL;

  -- Whether its breaker was last announced as 'open' or 'closed'.
  ALTER TABLE servers ADD COLUMN breaker_told TEXT NOT NULL DEFAULT 'closed';
  `,
  `
  -- Which grants may have sessions of whom; written before such a session begins, kept until it must be over.
  CREATE TABLE logins (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    sid TEXT NOT NULL,                  -- the issuer's session, '': the token named none
    grant_name TEXT NOT NULL,
    keep_until INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject, sid, grant_name)
  ) WITHOUT ROWID;
  CREATE INDEX logins_sid ON logins (issuer, sid) WHERE sid <> '';
  CREATE INDEX logins_keep ON logins (keep_until);

  -- Orders to end sessions: of an account, by an administrator, or of a subject or its session, by an issuer.
  CREATE TABLE logouts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    account TEXT,
    issuer TEXT,
    subject TEXT,
    sid TEXT,
    issued_at INTEGER,                  -- seconds, by the issuer's clock
    jti TEXT,
    digest TEXT                         -- SHA-256 of the token that said so
  );
  CREATE UNIQUE INDEX logouts_jti ON logouts (issuer, jti) WHERE jti IS NOT NULL;
  CREATE INDEX logouts_subject ON logouts (issuer, subject, issued_at) WHERE issuer IS NOT NULL;
  CREATE INDEX logouts_at ON logouts (at);
  -- Principals that have yet to be asked.
  CREATE TABLE logout_targets (
    seq INTEGER NOT NULL,
    grant_name TEXT NOT NULL,
    retry_at INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    PRIMARY KEY (seq, grant_name)
  ) WITHOUT ROWID;
  CREATE INDEX logout_targets_due ON logout_targets (retry_at);
  `,
  `
  -- What retention has cut is gone from the audit database up to here: no row may be there any more.
  ALTER TABLE audit_cuts ADD COLUMN removed_seq INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- Who asked first for the tenant to be deleted, and whether they said why; the change itself may long be carried.
  ALTER TABLE tenant ADD COLUMN deleted_by TEXT;
  ALTER TABLE tenant ADD COLUMN deleted_with_reason INTEGER;
  `,
  `
  -- When a principal that has yet to be told is told, 0: at once; and how often in a row that failed.
  ALTER TABLE grants ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE grants ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX grants_due ON grants (due_at, tries, name) WHERE pushed < revision;
  DROP INDEX grants_pending;
  `,
  `
  -- Which version was the current one when its policy was deleted: by whom, when and why. A policy that has versions and
  -- no row in 'policies' is deleted.
  ALTER TABLE policy_versions ADD COLUMN deleted_at INTEGER;
  ALTER TABLE policy_versions ADD COLUMN deleted_by TEXT;
  ALTER TABLE policy_versions ADD COLUMN deleted_reason TEXT;
  `,
  `
  -- The signing secret before this one, sealed: messages are signed with it as well until then.
  ALTER TABLE webhooks ADD COLUMN older_secret TEXT;
  ALTER TABLE webhooks ADD COLUMN older_until INTEGER;
  `,
  `
  -- ExchangeObjects that store something: what a session watches. They are erased with the tenant.
  CREATE TABLE exchanges (id TEXT PRIMARY KEY) WITHOUT ROWID;
  `,
  `
  -- Rows of the tenant's own log as the audit database has confirmed them, one in a thousand; the same in a PrincipalObject.
  ${CREATE_AUDIT_CHECKPOINTS}

  -- Rows that retention has hashed again and not cut yet, of logs that take it more than one run.
  CREATE TABLE audit_walks (
    principal TEXT NOT NULL,
    chain TEXT NOT NULL,
    from_seq INTEGER NOT NULL,          -- where the log was cut when it began
    before_at INTEGER NOT NULL,         -- rows from before then are old
    seq INTEGER NOT NULL,               -- how far it is
    hash TEXT NOT NULL,                 -- that this row must have had
    cut_seq INTEGER,                    -- the last row that may go once all is found in order, NULL: none
    cut_hash TEXT,
    PRIMARY KEY (principal, chain)
  ) WITHOUT ROWID;

  -- Logs are looked at in order, the one after this next; '' before the first. And how soon after this round there
  -- must be another, in milliseconds; NULL: a day.
  ALTER TABLE audit_retention ADD COLUMN principal TEXT NOT NULL DEFAULT '';
  ALTER TABLE audit_retention ADD COLUMN chain TEXT NOT NULL DEFAULT '';
  ALTER TABLE audit_retention ADD COLUMN again_ms INTEGER;
  `,
  `
  -- Who may not approve a call: the person whose agent it is, and whoever is known to be behind the session.
  -- The owner is a person's name; accounts are a JSON array of what sessions know them by.
  ALTER TABLE grants ADD COLUMN owner TEXT;
  ALTER TABLE people ADD COLUMN accounts TEXT NOT NULL DEFAULT '[]';
  -- Arguments are known by the audit trail's HMAC alone.
  UPDATE approvals SET view = json_set(json_remove(view, '$.argumentsSha256'), '$.argumentsHmac', NULL);
  `,
  `
  -- Whether the directory of tenants has its name.
  ALTER TABLE tenant ADD COLUMN is_listed INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- Whether a principal is revoked, and how often it was asked: the least often first.
  ALTER TABLE leaving ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE leaving ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX leaving_next ON leaving (revoked, asked, principal) WHERE gone = 0;
  -- When the next round of the deletion is due.
  ALTER TABLE tenant ADD COLUMN delete_round_at INTEGER;
  `,
  `
  -- Names one registration of a server, one making of a grant: what is removed and made again under its name is another,
  -- and inherits nothing.
  ALTER TABLE servers ADD COLUMN incarnation TEXT NOT NULL DEFAULT '';
  UPDATE servers SET incarnation = lower(hex(randomblob(8)));
  ALTER TABLE grants ADD COLUMN incarnation TEXT NOT NULL DEFAULT '';
  UPDATE grants SET incarnation = lower(hex(randomblob(8)));
  -- Grows with every change of the server's pins, drift, names or document, so that no isolate takes an old comparison for a new one.
  ALTER TABLE servers ADD COLUMN pins_revision INTEGER NOT NULL DEFAULT 1;
  `,
  `
  -- Prompts, resources and templates that are kept from lists: JSON object of kind to {name, reason}[].
  ALTER TABLE servers ADD COLUMN left_out TEXT NOT NULL DEFAULT '{}';
  `,
  `
  -- Names of a listing's tools, a JSON array; NULL: too long to travel with configurations, or listed before they were kept.
  ALTER TABLE listings ADD COLUMN names TEXT;
  `,
  `
  -- To which login a request belongs that names none: auto | one | many.
  ALTER TABLE grants ADD COLUMN sessions TEXT NOT NULL DEFAULT 'auto';
  `,
  `
  -- Where a secret may be sent: JSON array of origins, written with its value. One from before they were goes on to where its
  -- servers are now, and nowhere else.
  ALTER TABLE secrets ADD COLUMN origins TEXT NOT NULL DEFAULT '[]';
  ${ORIGINS_FROM_SERVERS}
  `,
  `
  -- Whether a definition's numbers have their digits: 0 for what was pinned before they were kept. All listings are compared
  -- once more, so that no pin stays behind.
  ALTER TABLE pins ADD COLUMN is_exact INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE drift ADD COLUMN is_exact INTEGER NOT NULL DEFAULT 0;
  DELETE FROM seen;
  `,
  `
  -- What a server has declared that it can: JSON object of era to names of capabilities.
  ALTER TABLE servers ADD COLUMN declared TEXT NOT NULL DEFAULT '{}';
  `,
  `
  -- Whether "*" alone is every native server, too: so it was when grants from before this column were made, and so it stays
  -- for them. Grants that are made since name the native servers that they have.
  ALTER TABLE grants ADD COLUMN every_native INTEGER NOT NULL DEFAULT 1;
  `,
  `
  -- Of the demo's tenant: whether its settings say something of sessions, so that its built-in grant goes by them and not by
  -- its file.
  ALTER TABLE tenant ADD COLUMN is_said INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- How the last scan of a server ended: JSON of its time and of the problem, or null. NULL: none has ended since the server was
  -- registered, moved, or replaced while its tools were not known.
  ALTER TABLE servers ADD COLUMN last_scan TEXT;
  `,
]

/** Rows that the migrations above put into an empty database. */
const firstRows = {
  audit_chain: FIRST_OF_AUDIT_CHAIN,
  audit_retention: 'INSERT INTO audit_retention (id, next_at) VALUES (1, 0)',
  last_stamp: 'INSERT INTO last_stamp (id, stamp) VALUES (1, 0)',
}

/** Brings the tables up to date. Call inside a transaction. */
export function migrate(sql: SqlStorage): void {
  runMigrations(sql, migrations, firstRows)
}

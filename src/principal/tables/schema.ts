import { CREATE_AUDIT_CHAIN, CREATE_AUDIT_CHECKPOINTS, FIRST_OF_AUDIT_CHAIN } from '../../audit/object-log.ts'
import { runMigrations } from '../../durable/migrate.ts'

export { schemaVersion } from '../../durable/migrate.ts'

/**
 * Everything a PrincipalObject stores. Migrations are numbered, only ever appended, and run when a grant is
 * installed or an object that has one wakes up; an object without a grant has no table at all.
 *
 * Times are Unix milliseconds.
 */
const migrations: readonly string[] = [
  `
  -- The one grant of this principal.
  CREATE TABLE grants (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    label TEXT NOT NULL,
    secret_hash BLOB NOT NULL,          -- SHA-256 of the token's secret part
    origin TEXT NOT NULL,               -- 'tenant', or 'demo': valid only while DEMO is on
    config TEXT NOT NULL,               -- TenantConfig as JSON; of a demo grant the built-in one counts
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
  );

  -- A session is live while ended_at is NULL. Ending is one guarded UPDATE, so it happens once.
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    transport TEXT,                     -- Mcp-Session-Id in the session era
    protocol_version TEXT,              -- what initialize settled on
    account TEXT,                       -- NULL until a login
    provider TEXT,
    started_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    idle_ms INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,        -- absolute
    ends_at INTEGER NOT NULL,           -- min(last_seen_at + idle_ms, expires_at)
    listed_version TEXT,                -- configuration whose tools the client has listed
    ended_at INTEGER,
    end_reason TEXT
  );
  CREATE UNIQUE INDEX sessions_live_transport ON sessions (transport) WHERE ended_at IS NULL AND transport IS NOT NULL;
  CREATE INDEX sessions_live_end ON sessions (ends_at) WHERE ended_at IS NULL;
  CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

  -- How often a limit was used in one window. 'key' is the limit's key and, for scope session, the session.
  CREATE TABLE counters (
    key TEXT NOT NULL,
    window_start INTEGER NOT NULL,
    used INTEGER NOT NULL,
    window_end INTEGER NOT NULL,
    PRIMARY KEY (key, window_start)
  );
  CREATE INDEX counters_end ON counters (window_end);

  -- A row for every decided call and for every session that ended. Argument names only.
  CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    session_id TEXT,
    account TEXT,
    server TEXT NOT NULL,
    tool TEXT NOT NULL,
    decision TEXT NOT NULL,             -- allow | deny | limit | refuse | end
    rule TEXT NOT NULL,
    config_version TEXT NOT NULL,
    argument_names TEXT NOT NULL,       -- JSON array
    charged TEXT NOT NULL,              -- JSON array of [key, window_start]
    refunded_at INTEGER
  );
  CREATE INDEX audit_request ON audit (request_id);
  CREATE INDEX audit_at ON audit (at);

  -- Events for Legiti. 'args' is what happened; the wire's form is made when it is sent.
  CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,            -- logout:<session>, login:<session> or evt_<uuid>
    ordering_key TEXT NOT NULL,         -- events of one key are delivered in order of seq
    tool TEXT NOT NULL,
    args TEXT,                          -- JSON; removed once delivered
    occurred_at INTEGER NOT NULL,
    give_up_at INTEGER NOT NULL,        -- undelivered by then, it becomes a dead letter
    state TEXT NOT NULL,                -- pending | delivered | dead
    ready INTEGER NOT NULL,             -- 1: the oldest pending event of its key, so it may be sent
    attempts INTEGER NOT NULL DEFAULT 0,
    leased_by TEXT,                     -- incarnation of this object that is sending it now
    lease_until INTEGER,
    settled_at INTEGER,                 -- delivered_at, or when it became a dead letter
    last_error TEXT
  );
  CREATE INDEX outbox_state ON outbox (state, seq);
  CREATE INDEX outbox_ready ON outbox (attempts, seq) WHERE state = 'pending' AND ready = 1;
  CREATE INDEX outbox_settled ON outbox (state, settled_at) WHERE settled_at IS NOT NULL;
  CREATE INDEX outbox_pending_key ON outbox (ordering_key, seq) WHERE state = 'pending';
  CREATE INDEX outbox_give_up ON outbox (give_up_at) WHERE state = 'pending';

  -- Whether Legiti can be reached, as this principal has found it.
  CREATE TABLE destination (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    failures INTEGER NOT NULL,
    retry_at INTEGER NOT NULL,          -- nothing is sent before
    paused INTEGER NOT NULL,            -- 1: refused our key, or not configured
    reason TEXT NOT NULL,
    settings TEXT NOT NULL              -- digest of the settings that it was found with
  );
  INSERT INTO destination VALUES (1, 0, 0, 0, '', '');
  `,
  `
  -- Sums of money are counted, too: exact decimals, which SQLite has only as text.
  CREATE TABLE decimal_counters (
    key TEXT NOT NULL,                  -- the limit's key and, for scopes session and account, whose
    window_start INTEGER NOT NULL,      -- of the window, or of a slice of a sliding one
    used TEXT NOT NULL,                 -- decimal
    window_end INTEGER NOT NULL,        -- when nothing asks for it any more
    PRIMARY KEY (key, window_start)
  );
  INSERT INTO decimal_counters SELECT key, window_start, CAST(used AS TEXT), window_end FROM counters;
  DROP TABLE counters;
  ALTER TABLE decimal_counters RENAME TO counters;
  CREATE INDEX counters_end ON counters (window_end);

  -- JSON array of [action, rule]: what rules in shadow would have done.
  ALTER TABLE audit ADD COLUMN shadow TEXT NOT NULL DEFAULT '[]';
  `,
  `
  -- Sessions that this principal has with upstream servers. A row goes away once its session has been ended upstream.
  CREATE TABLE upstream_sessions (
    seq INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,                -- id of the gateway's session, or a key of the stateless era
    stateless INTEGER NOT NULL,         -- 1: a key of the stateless era; it ends when it is not used
    server TEXT NOT NULL,
    upstream_id TEXT,                   -- the upstream's Mcp-Session-Id, NULL: it keeps none
    protocol_version TEXT NOT NULL,     -- what the upstream's initialize settled on
    last_used_at INTEGER NOT NULL,      -- kept up, a minute exactly, where stateless
    ended_at INTEGER,                   -- NULL while live; afterwards the upstream has yet to be told
    retry_at INTEGER,                   -- the upstream is not told before; NULL while live
    tries INTEGER NOT NULL DEFAULT 0    -- how often telling it has begun
  );
  CREATE UNIQUE INDEX upstream_sessions_live ON upstream_sessions (owner, server) WHERE ended_at IS NULL;
  CREATE INDEX upstream_sessions_idle ON upstream_sessions (last_used_at) WHERE ended_at IS NULL AND stateless = 1;
  CREATE INDEX upstream_sessions_ending ON upstream_sessions (retry_at) WHERE ended_at IS NOT NULL;

  -- JSON {capabilities, clientInfo}: what the client said of itself in initialize.
  ALTER TABLE sessions ADD COLUMN client TEXT;

  -- How an allowed call ended; NULL while nobody has said.
  ALTER TABLE audit ADD COLUMN outcome TEXT;           -- result | tool_error | rpc_error | not_delivered | timeout | broken | cancelled | refused
  ALTER TABLE audit ADD COLUMN upstream_status INTEGER; -- HTTP status of the upstream, NULL: it sent none
  ALTER TABLE audit ADD COLUMN latency_ms INTEGER;
  `,
  `
  -- Where the session was opened; NULL: it was opened before that was kept, and is not used any more.
  ALTER TABLE upstream_sessions ADD COLUMN url TEXT;
  `,
  `
  -- The secret before the present one, while it is good, too.
  ALTER TABLE grants ADD COLUMN older_hash BLOB;
  ALTER TABLE grants ADD COLUMN older_until INTEGER;
  `,
  `
  -- HMAC of the arguments, <key id>:<base64url>: the same for the same arguments; NULL: there is no key, or they are long.
  ALTER TABLE audit ADD COLUMN arguments_hmac TEXT;

  -- How far the audit rows are chained and carried to the audit database; the same in a TenantObject.
  ${CREATE_AUDIT_CHAIN}
  `,
  `
  -- Calls that a person must approve. Arguments are known by their digest alone.
  CREATE TABLE approvals (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,            -- apr_<grant>_<random>
    session_id TEXT,
    account TEXT,
    server TEXT NOT NULL,
    tool TEXT NOT NULL,
    arguments TEXT NOT NULL,            -- SHA-256 of their canonical JSON, as hex
    argument_names TEXT NOT NULL,       -- JSON array
    rule TEXT NOT NULL,
    config_version TEXT NOT NULL,       -- when the call was first asked for
    message TEXT NOT NULL,              -- the policy's words
    url TEXT NOT NULL,                  -- where a person finds it; '': nobody has said where that is
    requested_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,        -- for the decision, and for the call that was approved
    state TEXT NOT NULL,                -- pending | approved | denied | used
    decided_at INTEGER,
    decided_by TEXT,                    -- root, or person:<name>
    reason TEXT,                        -- what that person said
    used_at INTEGER,
    request_id TEXT,                    -- of the call that used it
    revision INTEGER NOT NULL           -- grows with every change
  );
  CREATE INDEX approvals_call ON approvals (arguments, seq);
  CREATE INDEX approvals_pending ON approvals (expires_at) WHERE state = 'pending';
  CREATE INDEX approvals_expiry ON approvals (expires_at);
  CREATE INDEX approvals_request ON approvals (request_id) WHERE request_id IS NOT NULL;

  -- What the tenant has yet to be told. A row goes away once the tenant has it.
  CREATE TABLE announcements (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,                 -- approval | legiti.dead_letter
    data TEXT NOT NULL                  -- JSON
  );
  `,
  `
  -- What a session keeps of its login, so that its issuer can end it, or it can be ended at its store.
  ALTER TABLE sessions ADD COLUMN issuer TEXT;         -- iss of the token, with provider jwt
  ALTER TABLE sessions ADD COLUMN subject TEXT;        -- its sub
  ALTER TABLE sessions ADD COLUMN sid TEXT;            -- its sid, NULL: it named none
  ALTER TABLE sessions ADD COLUMN known_logouts INTEGER; -- number of the tenant's last logout that the login knew of
  ALTER TABLE sessions ADD COLUMN store TEXT;          -- name of the store, with a magento provider
  ALTER TABLE sessions ADD COLUMN store_token TEXT;    -- the store's token, sealed; NULL once the session has ended
  CREATE INDEX sessions_live_account ON sessions (account) WHERE ended_at IS NULL AND account IS NOT NULL;
  CREATE INDEX sessions_live_subject ON sessions (issuer, subject) WHERE ended_at IS NULL AND issuer IS NOT NULL;
  CREATE INDEX sessions_live_sid ON sessions (issuer, sid) WHERE ended_at IS NULL AND sid IS NOT NULL;

  -- Tokens of stores that are to be revoked. A row goes away once the store was told, or will not be.
  CREATE TABLE revocations (
    seq INTEGER PRIMARY KEY,
    store TEXT NOT NULL,
    store_token TEXT NOT NULL,          -- sealed
    retry_at INTEGER NOT NULL,          -- the store is not told before
    tries INTEGER NOT NULL              -- how often telling it has begun
  );
  CREATE INDEX revocations_due ON revocations (retry_at);

  -- Logouts by issuers that a login which is on its way may not know of; kept for minutes.
  CREATE TABLE recent_logouts (
    logout INTEGER PRIMARY KEY,         -- the tenant's number of it
    issuer TEXT NOT NULL,
    subject TEXT,
    sid TEXT,
    at INTEGER NOT NULL
  );
  `,
  `
  -- Rows of the audit log as the audit database has confirmed them, one in a thousand; the same in a TenantObject.
  ${CREATE_AUDIT_CHECKPOINTS}
  `,
  `
  -- What the arguments are known by in the audit trail; 'arguments' is a digest that stays here (approvals/digests.ts).
  ALTER TABLE approvals ADD COLUMN arguments_hmac TEXT;
  -- What the call must bring that goes on with this one, whose server asks for input; NULL: none has asked.
  ALTER TABLE approvals ADD COLUMN continuation TEXT;
  ALTER TABLE approvals ADD COLUMN reopenings INTEGER NOT NULL DEFAULT 0; -- how often an answer gave it back
  UPDATE announcements SET data = json_set(json_remove(data, '$.argumentsSha256'), '$.argumentsHmac', NULL)
    WHERE type = 'approval';

  -- The approval that the call was held for, denied or made by.
  ALTER TABLE audit ADD COLUMN approval TEXT;
  `,
  `
  -- Which making of the grant this is, '' where the tenant has not said; and the last row of the audit log that is its
  -- predecessor's: what was charged then was taken from counters that are gone.
  ALTER TABLE grants ADD COLUMN incarnation TEXT NOT NULL DEFAULT '';
  ALTER TABLE grants ADD COLUMN predecessor_seq INTEGER NOT NULL DEFAULT 0;
  -- Which registration of the server the session was opened with, '' where that is not known.
  ALTER TABLE upstream_sessions ADD COLUMN incarnation TEXT NOT NULL DEFAULT '';
  `,
  `
  -- What a client has asked of its servers for as long as its connection lasts: they are told again in a new session.
  CREATE TABLE upstream_wishes (
    transport TEXT NOT NULL,
    server TEXT NOT NULL,               -- '': all that the connection reaches
    incarnation TEXT NOT NULL,          -- of the server's registration then
    kind TEXT NOT NULL,                 -- level | resource
    value TEXT NOT NULL,                -- from which level on it wants to hear; or URI of the resource
    PRIMARY KEY (transport, server, kind, value)
  ) WITHOUT ROWID;
  `,
  `
  -- A client's connection in the session era. It outlives the logins that are made on it.
  CREATE TABLE transports (
    id TEXT PRIMARY KEY,                -- Mcp-Session-Id
    protocol_version TEXT,              -- what initialize settled on
    client TEXT,                        -- JSON {capabilities, clientInfo}: what the client said of itself
    listed_version TEXT,                -- configuration whose tools the client has listed
    opened_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,      -- kept up, a minute exactly
    ends_at INTEGER NOT NULL,           -- unless an event stream is open then
    ended_at INTEGER
  );
  CREATE INDEX transports_live_end ON transports (ends_at) WHERE ended_at IS NULL;
  CREATE INDEX transports_live_seen ON transports (last_seen_at) WHERE ended_at IS NULL;
  CREATE INDEX transports_ended ON transports (ended_at) WHERE ended_at IS NOT NULL;
  INSERT INTO transports (id, protocol_version, client, listed_version, opened_at, last_seen_at, ends_at)
    SELECT transport, protocol_version, client, listed_version, started_at, last_seen_at,
           last_seen_at + max(86400000, idle_ms)
    FROM sessions WHERE ended_at IS NULL AND transport IS NOT NULL;

  -- Whose sessions upstream are: of a transport or a key of the stateless era, and of one login there ('': of none).
  ALTER TABLE upstream_sessions ADD COLUMN session TEXT NOT NULL DEFAULT '';
  UPDATE upstream_sessions
    SET owner = was.transport, session = CASE WHEN was.account IS NULL THEN '' ELSE was.id END
    FROM sessions AS was WHERE was.id = upstream_sessions.owner AND was.transport IS NOT NULL;
  DROP INDEX upstream_sessions_live;
  CREATE UNIQUE INDEX upstream_sessions_live ON upstream_sessions (owner, session, server) WHERE ended_at IS NULL;
  CREATE INDEX upstream_sessions_login ON upstream_sessions (session) WHERE ended_at IS NULL AND session <> '';

  -- Where the call was made: its client hears of the decision there. NULL: in the stateless era.
  ALTER TABLE approvals ADD COLUMN transport TEXT;
  UPDATE approvals SET transport = was.transport, session_id = CASE WHEN was.account IS NULL THEN NULL ELSE was.id END
    FROM sessions AS was WHERE was.id = approvals.session_id;

  -- Calls before a login are counted by their transport.
  UPDATE counters SET key = json_array(counters.key ->> 0, was.transport)
    FROM sessions AS was WHERE was.account IS NULL AND was.ended_at IS NULL AND was.transport IS NOT NULL
      AND CASE WHEN json_valid(counters.key) THEN counters.key ->> 1 END = was.id;

  -- A session is a login alone. On one transport there may be several.
  DELETE FROM sessions WHERE account IS NULL;
  DROP INDEX sessions_live_transport;
  CREATE INDEX sessions_live_transport ON sessions (transport, started_at) WHERE ended_at IS NULL;
  CREATE INDEX sessions_live_start ON sessions (started_at) WHERE ended_at IS NULL;
  ALTER TABLE sessions DROP COLUMN protocol_version;
  ALTER TABLE sessions DROP COLUMN listed_version;
  ALTER TABLE sessions DROP COLUMN client;
  `,
  `
  -- The method of a request to read, of which 'tool' says what it reads: resource | prompt/<name>. NULL: tools/call.
  ALTER TABLE audit ADD COLUMN method TEXT;
  `,
  `
  -- A session of the stateless era from before sessions upstream belonged to logins may hold the state of several accounts:
  -- it is nobody's to go on with. Where the upstream keeps none there is nobody to tell.
  DELETE FROM upstream_sessions WHERE stateless = 1 AND session = '' AND ended_at IS NULL AND upstream_id IS NULL;
  UPDATE upstream_sessions SET ended_at = last_used_at, retry_at = 0
    WHERE stateless = 1 AND session = '' AND ended_at IS NULL;
  `,
  `
  -- What an approver is shown of a call that waits. It goes with the decision, or with the approval's time.
  CREATE TABLE approval_contents (
    approval TEXT PRIMARY KEY,          -- approvals.id
    sealed TEXT NOT NULL,
    expires_at INTEGER NOT NULL         -- approvals.expires_at
  );
  CREATE INDEX approval_contents_expiry ON approval_contents (expires_at);

  -- JSON {name, version}: what the client that asked first calls itself; NULL: it has not said.
  ALTER TABLE approvals ADD COLUMN client TEXT;
  `,
  `
  -- The client that asked, by the name and version that it gives itself; NULL: it gives none, or the row is from before.
  ALTER TABLE audit ADD COLUMN client TEXT;
  ALTER TABLE audit ADD COLUMN client_version TEXT;
  -- The client that logged in.
  ALTER TABLE sessions ADD COLUMN client_name TEXT;
  ALTER TABLE sessions ADD COLUMN client_version TEXT;
  -- The client of the connection; '': it names itself nothing. NULL: its name is in 'client' alone.
  ALTER TABLE transports ADD COLUMN client_name TEXT;
  ALTER TABLE transports ADD COLUMN client_version TEXT;
  `,
  `
  -- A call is the same whichever connection or login it is asked for in. JSON [{transport, session}]: where it was, and so
  -- where its clients hear of the decision, the youngest last.
  ALTER TABLE approvals ADD COLUMN askers TEXT NOT NULL DEFAULT '[]';
  UPDATE approvals SET askers = json_array(json_object('transport', transport, 'session', session_id))
    WHERE transport IS NOT NULL;
  ALTER TABLE approvals DROP COLUMN transport;
  -- Of the server's registration, '' where it has none; NULL: it was asked for before that was kept.
  ALTER TABLE approvals ADD COLUMN incarnation TEXT;
  `,
  `
  -- What the session is called towards its client: by that an answer to its server's question finds back to it alone.
  ALTER TABLE upstream_sessions ADD COLUMN tag TEXT NOT NULL DEFAULT '';
  UPDATE upstream_sessions SET tag = lower(hex(randomblob(8)));
  `,
  `
  -- What was asked of a server in a login is that login's own: there may be several on one connection.
  CREATE TABLE wishes_of_logins (
    transport TEXT NOT NULL,
    session TEXT NOT NULL,              -- the login; '': nobody had logged in
    server TEXT NOT NULL,               -- '': all that the connection reaches
    incarnation TEXT NOT NULL,
    kind TEXT NOT NULL,                 -- level | resource
    value TEXT NOT NULL,
    PRIMARY KEY (transport, session, server, kind, value)
  ) WITHOUT ROWID;
  INSERT INTO wishes_of_logins (transport, session, server, incarnation, kind, value)
    SELECT transport, '', server, incarnation, kind, value FROM upstream_wishes;
  DROP TABLE upstream_wishes;
  ALTER TABLE wishes_of_logins RENAME TO upstream_wishes;
  CREATE INDEX upstream_wishes_login ON upstream_wishes (session) WHERE session <> '';
  `,
  `
  -- Sessions with servers that no login keeps end by themselves when they are not used, those of connections, too. When those
  -- were used last was not kept, so their time begins now.
  DROP INDEX upstream_sessions_idle;
  CREATE INDEX upstream_sessions_idle ON upstream_sessions (last_used_at)
    WHERE ended_at IS NULL AND (stateless = 1 OR session = '');
  UPDATE upstream_sessions SET last_used_at = max(last_used_at, 1000 * unixepoch())
    WHERE ended_at IS NULL AND stateless = 0 AND session = '';
  `,
  `
  -- When the last request was decided of those whose rows have been carried and are gone here, whatever the decision was;
  -- NULL: of none, since this is kept.
  ALTER TABLE grants ADD COLUMN decided_at INTEGER;
  `,
  `
  -- Decisions, and what is said of them later, several in a row: principal/log/entries.ts has the format.
  CREATE TABLE log (
    seq INTEGER PRIMARY KEY,            -- of the first decision in it; of the next one, where it has none yet
    at INTEGER NOT NULL,                -- of its youngest entry
    entries TEXT NOT NULL               -- JSON arrays with commas between them
  );
  INSERT INTO log
    SELECT seq, at, json_array(seq, at, request_id, decision, rule, server, tool, method, config_version, json(argument_names),
        arguments_hmac, session_id, account, client, client_version,
        (SELECT json_group_array(json_array(value ->> 0, value ->> 1, coalesce(value ->> 2, '1'), value ->> 1))
           FROM json_each(charged)),
        json(shadow), approval, CASE WHEN outcome IS NOT NULL THEN json_array(outcome, upstream_status, latency_ms) END)
      || CASE WHEN refunded_at IS NULL THEN '' ELSE ',' || json_array('x', seq, refunded_at) END
    FROM audit ORDER BY seq;

  CREATE TABLE log_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_seq INTEGER NOT NULL,          -- decisions up to here were made, some of which may be gone from the log
    saved_row INTEGER NOT NULL,         -- 'counters' are as they were when the log ended in this row,
    saved_length INTEGER NOT NULL,      -- after so many characters of it
    settled_seq INTEGER NOT NULL,       -- decisions up to here say themselves how their calls ended
    decided_at INTEGER                  -- when a request was last decided, as far as the log says it before; NULL: none was
  );
  INSERT INTO log_state
    SELECT 1, last.seq, last.seq, coalesce(length((SELECT entries FROM log WHERE seq = last.seq)), 0),
      coalesce((SELECT min(seq) FROM audit WHERE at > (SELECT max(at) FROM audit) - 60000) - 1, 0),
      coalesce((SELECT at FROM audit WHERE decision <> 'end' AND seq > (SELECT predecessor_seq FROM grants)
        ORDER BY seq DESC LIMIT 1), (SELECT decided_at FROM grants))
    FROM (SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0) AS seq) AS last;
  ALTER TABLE grants DROP COLUMN decided_at;
  DROP TABLE audit;

  -- The log for a person who looks into the database; the gateway does not read it.
  CREATE VIEW audit AS
    WITH entries AS (SELECT value AS it FROM log, json_each('[' || log.entries || ']')),
      decisions AS (SELECT it FROM entries WHERE json_type(it, '$[0]') = 'integer'),
      settlements AS (SELECT it ->> 1 AS seq, it FROM entries WHERE it ->> 0 = 's'),
      refunds AS (SELECT it ->> 1 AS seq, it ->> 2 AS at FROM entries WHERE it ->> 0 IN ('r', 'x'))
    SELECT it ->> 0 AS seq, it ->> 1 AS at, it ->> 2 AS request_id, it ->> 11 AS session_id, it ->> 12 AS account,
      it ->> 5 AS server, it ->> 6 AS tool, it ->> 7 AS method, it ->> 3 AS decision, it ->> 4 AS rule,
      it ->> 8 AS config_version, it ->> 9 AS argument_names, it ->> 10 AS arguments_hmac, it ->> 13 AS client,
      it ->> 14 AS client_version,
      (SELECT json_group_array(json_array(value ->> 0, value ->> 1, value ->> 2)) FROM json_each(it, '$[15]')) AS charged,
      it ->> 16 AS shadow, it ->> 17 AS approval,
      coalesce(it ->> '$[18][0]', (SELECT s.it ->> 2 FROM settlements AS s WHERE s.seq = decisions.it ->> 0),
        CASE WHEN it ->> 3 = 'allow' AND it ->> 0 <= (SELECT frozen_seq FROM audit_chain) THEN 'unknown' END) AS outcome,
      coalesce(it ->> '$[18][1]', (SELECT s.it ->> 3 FROM settlements AS s WHERE s.seq = decisions.it ->> 0))
        AS upstream_status,
      coalesce(it ->> '$[18][2]', (SELECT s.it ->> 4 FROM settlements AS s WHERE s.seq = decisions.it ->> 0)) AS latency_ms,
      (SELECT max(r.at) FROM refunds AS r WHERE r.seq = decisions.it ->> 0) AS refunded_at
    FROM decisions;
  `,
]

/** Rows that the migrations above put into an empty database. */
const firstRows = {
  destination:
    "INSERT INTO destination (id, failures, retry_at, paused, reason, settings) VALUES (1, 0, 0, 0, '', '')",
  audit_chain: FIRST_OF_AUDIT_CHAIN,
  log_state:
    'INSERT INTO log_state (id, last_seq, saved_row, saved_length, settled_seq) VALUES (1, 0, 0, 0, 0)',
}

/** Brings the tables up to date. Call inside a transaction. */
export function migrate(sql: SqlStorage): void {
  runMigrations(sql, migrations, firstRows)
}

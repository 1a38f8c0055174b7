/** Each takes back what one migration of a principal's tables did, and so makes an object that was written before it. */

/** Every decision is a row of its own, with what is said of it later. */
export const WITHOUT_LOG = `
  CREATE TABLE was (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    session_id TEXT,
    account TEXT,
    server TEXT NOT NULL,
    tool TEXT NOT NULL,
    decision TEXT NOT NULL,
    rule TEXT NOT NULL,
    config_version TEXT NOT NULL,
    argument_names TEXT NOT NULL,
    charged TEXT NOT NULL,
    refunded_at INTEGER,
    shadow TEXT NOT NULL DEFAULT '[]',
    outcome TEXT,
    upstream_status INTEGER,
    latency_ms INTEGER,
    arguments_hmac TEXT,
    approval TEXT,
    method TEXT,
    client TEXT,
    client_version TEXT
  );
  INSERT INTO was (seq, at, request_id, session_id, account, server, tool, decision, rule, config_version, argument_names,
      charged, refunded_at, shadow, outcome, upstream_status, latency_ms, arguments_hmac, approval, method, client, client_version)
    SELECT seq, at, request_id, session_id, account, server, tool, decision, rule, config_version, argument_names,
      charged, refunded_at, shadow, outcome, upstream_status, latency_ms, arguments_hmac, approval, method, client, client_version
    FROM audit;
  DROP VIEW audit;
  DROP TABLE log;
  ALTER TABLE was RENAME TO audit;
  CREATE INDEX audit_request ON audit (request_id);
  CREATE INDEX audit_at ON audit (at);
  ALTER TABLE grants ADD COLUMN decided_at INTEGER;
  UPDATE grants SET decided_at = (SELECT decided_at FROM log_state);
  DROP TABLE log_state;
  UPDATE schema_version SET version = 22;
`

/** Nothing is kept of when requests were decided but their rows. */
export const WITHOUT_DECIDED = `
  ${WITHOUT_LOG}
  ALTER TABLE grants DROP COLUMN decided_at;
  UPDATE schema_version SET version = 21;
`

/** A connection's sessions with servers last as long as it does. */
export const WITH_LASTING_UPSTREAMS = `
  ${WITHOUT_DECIDED}
  DROP INDEX upstream_sessions_idle;
  CREATE INDEX upstream_sessions_idle ON upstream_sessions (last_used_at) WHERE ended_at IS NULL AND stateless = 1;
  UPDATE schema_version SET version = 20;
`

/** What was asked of a server is its connection's, whatever the login. */
export const WITH_SHARED_WISHES = `
  ${WITH_LASTING_UPSTREAMS}
  DROP INDEX upstream_wishes_login;
  CREATE TABLE wishes_of_transports (
    transport TEXT NOT NULL,
    server TEXT NOT NULL,
    incarnation TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (transport, server, kind, value)
  ) WITHOUT ROWID;
  INSERT OR IGNORE INTO wishes_of_transports SELECT transport, server, incarnation, kind, value FROM upstream_wishes;
  DROP TABLE upstream_wishes;
  ALTER TABLE wishes_of_transports RENAME TO upstream_wishes;
  UPDATE schema_version SET version = 19;
`

/** Sessions with servers have no names towards clients. */
export const WITHOUT_TAGS = `
  ${WITH_SHARED_WISHES}
  ALTER TABLE upstream_sessions DROP COLUMN tag;
  UPDATE schema_version SET version = 18;
`

/** An approval is bound to the connection that it was asked for on. */
const WITH_BOUND_APPROVALS = `
  ${WITHOUT_TAGS}
  ALTER TABLE approvals ADD COLUMN transport TEXT;
  UPDATE approvals SET transport = askers ->> '$[0].transport';
  ALTER TABLE approvals DROP COLUMN askers;
  ALTER TABLE approvals DROP COLUMN incarnation;
  UPDATE schema_version SET version = 17;
`

/** Nobody writes down which client asks. */
export const WITHOUT_CLIENTS = `
  ${WITH_BOUND_APPROVALS}
  ALTER TABLE audit DROP COLUMN client;
  ALTER TABLE audit DROP COLUMN client_version;
  ALTER TABLE sessions DROP COLUMN client_name;
  ALTER TABLE sessions DROP COLUMN client_version;
  ALTER TABLE transports DROP COLUMN client_name;
  ALTER TABLE transports DROP COLUMN client_version;
  UPDATE schema_version SET version = 16;
`

/** An approver sees no values. */
export const WITHOUT_CONTENTS = `
  ${WITHOUT_CLIENTS}
  DROP TABLE approval_contents;
  ALTER TABLE approvals DROP COLUMN client;
  UPDATE schema_version SET version = 15;
`

/** Sessions of the stateless era that several accounts may have used are live. */
export const WITH_SHARED_UPSTREAMS = `
  ${WITHOUT_CONTENTS}
  UPDATE schema_version SET version = 14;
`

/** Only calls are decided. */
const WITHOUT_READS = `
  ${WITH_SHARED_UPSTREAMS}
  ALTER TABLE audit DROP COLUMN method;
  UPDATE schema_version SET version = 13;
`

/** Logins and transports are one thing: a row without an account is a transport on which nobody has logged in. */
export const WITHOUT_TRANSPORTS = `
  ${WITHOUT_READS}
  ALTER TABLE sessions ADD COLUMN protocol_version TEXT;
  ALTER TABLE sessions ADD COLUMN listed_version TEXT;
  ALTER TABLE sessions ADD COLUMN client TEXT;
  DROP INDEX sessions_live_start;
  DROP INDEX sessions_live_transport;
  UPDATE sessions SET protocol_version = t.protocol_version, listed_version = t.listed_version, client = t.client
    FROM transports AS t WHERE t.id = sessions.transport;
  INSERT INTO sessions (id, transport, protocol_version, listed_version, client, started_at, last_seen_at, idle_ms,
      expires_at, ends_at)
    SELECT 'ses_of_' || id, id, protocol_version, listed_version, client, opened_at, last_seen_at, 1800000,
      opened_at + 43200000, min(last_seen_at + 1800000, opened_at + 43200000)
    FROM transports WHERE ended_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM sessions WHERE transport = transports.id AND ended_at IS NULL);
  CREATE UNIQUE INDEX sessions_live_transport ON sessions (transport) WHERE ended_at IS NULL AND transport IS NOT NULL;
  DROP INDEX upstream_sessions_login;
  DROP INDEX upstream_sessions_live;
  UPDATE upstream_sessions SET owner = s.id FROM sessions AS s
    WHERE s.transport = upstream_sessions.owner AND s.ended_at IS NULL;
  ALTER TABLE upstream_sessions DROP COLUMN session;
  CREATE UNIQUE INDEX upstream_sessions_live ON upstream_sessions (owner, server) WHERE ended_at IS NULL;
  UPDATE approvals SET session_id = s.id FROM sessions AS s
    WHERE approvals.session_id IS NULL AND s.transport = approvals.transport AND s.ended_at IS NULL;
  ALTER TABLE approvals DROP COLUMN transport;
  UPDATE counters SET key = json_array(counters.key ->> 0, s.id) FROM sessions AS s
    WHERE CASE WHEN json_valid(counters.key) THEN counters.key ->> 1 END = s.transport;
  DROP TABLE transports;
  UPDATE schema_version SET version = 12;
`

const WITHOUT_WISHES = `
  ${WITHOUT_TRANSPORTS}
  DROP TABLE upstream_wishes;
  UPDATE schema_version SET version = 11;
`

export const WITHOUT_INCARNATIONS = `
  ${WITHOUT_WISHES}
  ALTER TABLE grants DROP COLUMN incarnation;
  ALTER TABLE grants DROP COLUMN predecessor_seq;
  ALTER TABLE upstream_sessions DROP COLUMN incarnation;
  UPDATE schema_version SET version = 10;
`

export const WITH_PLAIN_DIGESTS = `
  ${WITHOUT_INCARNATIONS}
  ALTER TABLE approvals DROP COLUMN arguments_hmac;
  ALTER TABLE approvals DROP COLUMN continuation;
  ALTER TABLE approvals DROP COLUMN reopenings;
  ALTER TABLE audit DROP COLUMN approval;
  UPDATE schema_version SET version = 9;
`

const WITHOUT_CHECKPOINTS = `
  ${WITH_PLAIN_DIGESTS}
  DROP TABLE audit_checkpoints;
  UPDATE schema_version SET version = 8;
`

const WITHOUT_ISSUERS = `
  ${WITHOUT_CHECKPOINTS}
  DROP TABLE recent_logouts;
  DROP TABLE revocations;
  DROP INDEX sessions_live_account;
  DROP INDEX sessions_live_subject;
  DROP INDEX sessions_live_sid;
  ALTER TABLE sessions DROP COLUMN issuer;
  ALTER TABLE sessions DROP COLUMN subject;
  ALTER TABLE sessions DROP COLUMN sid;
  ALTER TABLE sessions DROP COLUMN known_logouts;
  ALTER TABLE sessions DROP COLUMN store;
  ALTER TABLE sessions DROP COLUMN store_token;
  UPDATE schema_version SET version = 7;
`

const WITHOUT_APPROVALS = `
  ${WITHOUT_ISSUERS}
  DROP TABLE approvals;
  DROP TABLE announcements;
  UPDATE schema_version SET version = 6;
`

export const WITHOUT_CARRYING = `
  ${WITHOUT_APPROVALS}
  DROP TABLE audit_chain;
  ALTER TABLE audit DROP COLUMN arguments_hmac;
  UPDATE schema_version SET version = 5;
`

export const WITHOUT_UPSTREAMS = `
  ${WITHOUT_CARRYING}
  ALTER TABLE grants DROP COLUMN older_hash;
  ALTER TABLE grants DROP COLUMN older_until;
  DROP TABLE upstream_sessions;
  ALTER TABLE sessions DROP COLUMN client;
  ALTER TABLE audit DROP COLUMN outcome;
  ALTER TABLE audit DROP COLUMN upstream_status;
  ALTER TABLE audit DROP COLUMN latency_ms;
  UPDATE schema_version SET version = 2;
`

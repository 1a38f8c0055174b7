-- The audit trail of every tenant: docs/audit.md. Rows are only ever added, and go when a tenant's retention says so.
CREATE TABLE audit (
  arrived INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which rows came here
  tenant TEXT NOT NULL,
  principal TEXT NOT NULL,                    -- the grant, or '(tenant)' for administrative changes
  chain TEXT NOT NULL,                        -- names the log: that of an object that was deleted had another
  seq INTEGER NOT NULL,                       -- place in the log, without gaps
  at INTEGER NOT NULL,                        -- Unix milliseconds
  kind TEXT NOT NULL,                         -- decision | session | change
  request_id TEXT,
  session TEXT,
  account TEXT,
  server TEXT,
  method TEXT,
  tool TEXT,
  decision TEXT,
  rule TEXT,
  config_version TEXT,
  argument_names TEXT,                        -- JSON array
  arguments_hmac TEXT,                        -- <key id>:<base64url>, the same for the same arguments of a tenant
  outcome TEXT,
  upstream_status INTEGER,
  latency_ms INTEGER,
  shadow TEXT,                                -- JSON array of [action, rule]
  actor TEXT,
  action TEXT,
  subject TEXT,
  detail TEXT,                                -- JSON object
  hash TEXT NOT NULL,                         -- SHA-256 of the hash before and of this row, as hex
  UNIQUE (tenant, principal, chain, seq)
);
CREATE INDEX audit_time ON audit (tenant, at);
CREATE INDEX audit_arrival ON audit (tenant);
CREATE INDEX audit_request ON audit (tenant, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX audit_session ON audit (tenant, session, at) WHERE session IS NOT NULL;
CREATE INDEX audit_account ON audit (tenant, account, at) WHERE account IS NOT NULL;

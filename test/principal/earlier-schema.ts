/** Each takes back what one migration of a principal's tables did, and so makes an object that was written before it. */

const WITHOUT_WISHES = `
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

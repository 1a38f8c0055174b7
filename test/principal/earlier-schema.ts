/** Each takes back what one migration of a principal's tables did, and so makes an object that was written before it. */

export const WITHOUT_UPSTREAMS = `
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
  ALTER TABLE grants DROP COLUMN older_hash;
  ALTER TABLE grants DROP COLUMN older_until;
  DROP TABLE upstream_sessions;
  ALTER TABLE sessions DROP COLUMN client;
  ALTER TABLE audit DROP COLUMN outcome;
  ALTER TABLE audit DROP COLUMN upstream_status;
  ALTER TABLE audit DROP COLUMN latency_ms;
  UPDATE schema_version SET version = 2;
`

-- The client that called, or that logged in, by the name and version that it gives itself; NULL: it gave none, or the row
-- is from before. A gateway from before it does not know the columns and needs none.
ALTER TABLE audit ADD COLUMN client TEXT;
ALTER TABLE audit ADD COLUMN client_version TEXT;

ALTER TABLE alerts ADD COLUMN stored $moment NOT NULL DEFAULT '1970-01-01 00:00:00.000000';
UPDATE alerts SET stored = changed;
CREATE INDEX ix_alerts_stored ON alerts (workspace, stored);

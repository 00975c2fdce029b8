ALTER TABLE inventory_packages ADD COLUMN scanner TEXT NOT NULL DEFAULT '';
DROP INDEX ix_inventory_subjects_key;
CREATE UNIQUE INDEX ix_inventory_subjects_key ON inventory_subjects (tenant, kind, key, scanner);

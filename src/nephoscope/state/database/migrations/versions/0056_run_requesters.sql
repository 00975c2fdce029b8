ALTER TABLE automation_runs ADD COLUMN requesters TEXT NOT NULL DEFAULT '[]';

ALTER TABLE automation_runs ADD COLUMN requesters TEXT NOT NULL DEFAULT '[]';

CREATE TABLE behavior_settings (
    workspace TEXT NOT NULL,
    settings TEXT NOT NULL,
    CONSTRAINT pk_behavior_settings PRIMARY KEY (workspace)
);
INSERT INTO behavior_settings SELECT "key", value FROM checkpoints WHERE source = 'behavior-settings';
DELETE FROM checkpoints WHERE source = 'behavior-settings';

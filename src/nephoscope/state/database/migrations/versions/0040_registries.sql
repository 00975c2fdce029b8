CREATE TABLE registries (
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    settings TEXT NOT NULL,
    username TEXT NOT NULL,
    credential TEXT,
    workspace TEXT NOT NULL,
    mark TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    created $moment NOT NULL,
    changed $moment NOT NULL,
    CONSTRAINT pk_registries PRIMARY KEY (name),
    CONSTRAINT fk_registries_credential FOREIGN KEY (credential) REFERENCES credentials (name),
    CONSTRAINT fk_registries_workspace FOREIGN KEY (workspace) REFERENCES workspaces (name)
);

CREATE TABLE registry_images (
    id TEXT NOT NULL,
    registry_name TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    tags TEXT NOT NULL,
    promoted_tags TEXT NOT NULL,
    origin TEXT NOT NULL,
    status TEXT NOT NULL,
    step TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due $moment NOT NULL,
    error TEXT NOT NULL,
    manifests TEXT NOT NULL,
    verdict TEXT NOT NULL,
    reasons TEXT NOT NULL,
    summary TEXT,
    target TEXT NOT NULL,
    removed BOOLEAN NOT NULL,
    generation INTEGER NOT NULL,
    received $moment NOT NULL,
    examined $moment,
    decided $moment,
    decided_by TEXT NOT NULL,
    decision_reason TEXT NOT NULL,
    CONSTRAINT pk_registry_images PRIMARY KEY (id)
);
CREATE INDEX ix_registry_images_registry_name ON registry_images (registry_name, status, due);
CREATE INDEX ix_registry_images_digest ON registry_images (digest);

CREATE TABLE registry_events (
    registry_name TEXT NOT NULL,
    id TEXT NOT NULL,
    received $moment NOT NULL,
    CONSTRAINT pk_registry_events PRIMARY KEY (registry_name, id)
);
CREATE INDEX ix_registry_events_received ON registry_events (received);

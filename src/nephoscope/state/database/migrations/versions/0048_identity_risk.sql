CREATE TABLE risk_detections (
    workspace TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    identity TEXT NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL,
    happened $moment NOT NULL,
    document TEXT NOT NULL,
    CONSTRAINT pk_risk_detections PRIMARY KEY (workspace, id)
);
CREATE INDEX ix_risk_detections_identity ON risk_detections (workspace, kind, identity, happened);
CREATE INDEX ix_risk_detections_request ON risk_detections (workspace, request);

CREATE TABLE risk_history (
    number $counted NOT NULL,
    workspace TEXT NOT NULL,
    kind TEXT NOT NULL,
    identity TEXT NOT NULL,
    document TEXT NOT NULL,
    CONSTRAINT pk_risk_history PRIMARY KEY (number)
);
CREATE INDEX ix_risk_history_identity ON risk_history (workspace, kind, identity, number);

CREATE TABLE risky_identities (
    workspace TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    level TEXT NOT NULL,
    state TEXT NOT NULL,
    updated $moment NOT NULL,
    document TEXT NOT NULL,
    CONSTRAINT pk_risky_identities PRIMARY KEY (workspace, kind, id)
);
CREATE INDEX ix_risky_identities_state ON risky_identities (workspace, kind, state, updated);

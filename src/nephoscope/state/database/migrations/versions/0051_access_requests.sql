CREATE TABLE access_requests (
    id TEXT NOT NULL,
    policy TEXT NOT NULL,
    ports TEXT NOT NULL,
    requester TEXT NOT NULL,
    justification TEXT NOT NULL,
    created $moment NOT NULL,
    ends $moment NOT NULL,
    status TEXT NOT NULL,
    decided $moment,
    decided_by TEXT NOT NULL,
    decision_reason TEXT NOT NULL,
    CONSTRAINT pk_access_requests PRIMARY KEY (id)
);
CREATE INDEX ix_access_requests_policy ON access_requests (policy, status);

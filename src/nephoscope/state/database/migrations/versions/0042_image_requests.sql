CREATE TABLE image_requests (
    id TEXT NOT NULL,
    image TEXT NOT NULL,
    registry_name TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    reason TEXT NOT NULL,
    requester TEXT NOT NULL,
    created $moment NOT NULL,
    deadline $moment,
    expires $moment NOT NULL,
    status TEXT NOT NULL,
    answered $moment,
    answered_by TEXT NOT NULL,
    answer_reason TEXT NOT NULL,
    digest TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due $moment NOT NULL,
    error TEXT NOT NULL,
    CONSTRAINT pk_image_requests PRIMARY KEY (id)
);
CREATE INDEX ix_image_requests_status ON image_requests (status, due);

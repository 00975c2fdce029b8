CREATE TABLE response_orders (
    id TEXT NOT NULL,
    machine TEXT NOT NULL,
    kind TEXT NOT NULL,
    arguments TEXT NOT NULL,
    justification TEXT NOT NULL,
    requester TEXT NOT NULL,
    created $moment NOT NULL,
    expires $moment NOT NULL,
    status TEXT NOT NULL,
    incident BIGINT,
    decided $moment,
    decided_by TEXT NOT NULL,
    decision_reason TEXT NOT NULL,
    finished $moment,
    message TEXT NOT NULL,
    content $bytes NOT NULL,
    CONSTRAINT pk_response_orders PRIMARY KEY (id)
);
CREATE INDEX ix_response_orders_machine ON response_orders (machine, status);

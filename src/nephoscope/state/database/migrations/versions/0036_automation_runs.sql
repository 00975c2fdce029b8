CREATE TABLE automation_events (
    id $counted NOT NULL,
    workspace TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    document TEXT NOT NULL,
    happened $moment NOT NULL,
    CONSTRAINT pk_automation_events PRIMARY KEY (id)
);

CREATE TABLE automation_facts (
    workspace TEXT NOT NULL,
    subject TEXT NOT NULL,
    facts TEXT NOT NULL,
    CONSTRAINT pk_automation_facts PRIMARY KEY (workspace, subject)
);

CREATE TABLE automation_runs (
    id TEXT NOT NULL,
    workspace TEXT NOT NULL,
    rule TEXT NOT NULL,
    language TEXT NOT NULL,
    action TEXT NOT NULL,
    settings TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    urgent BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    step TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    begun INTEGER NOT NULL,
    cut_off INTEGER NOT NULL,
    due $moment NOT NULL,
    until $moment,
    created $moment NOT NULL,
    changed $moment NOT NULL,
    "by" TEXT NOT NULL,
    detail TEXT NOT NULL,
    "plan" TEXT,
    document TEXT NOT NULL,
    CONSTRAINT pk_automation_runs PRIMARY KEY (id)
);
CREATE INDEX ix_automation_runs_due ON automation_runs (workspace, status, due);

INSERT INTO automation_events SELECT id, workspace, kind, subject, document, happened FROM response_events;
INSERT INTO automation_facts SELECT workspace, subject, facts FROM response_facts;
INSERT INTO automation_runs
SELECT id, workspace, rule,
    CASE
        WHEN rule LIKE '%/providers/microsoft.security/automations/%' THEN 'automation'
        WHEN rule LIKE '%/providers/microsoft.securityinsights/%' THEN 'sentinel'
        ELSE 'response'
    END,
    action, settings, kind, subject,
    kind LIKE 'alert.%' OR kind LIKE 'incident.%' OR kind LIKE '%.test',
    status, step, attempts, begun, cut_off, due, until, created, changed, "by", detail, "plan", document
FROM response_runs;
DROP TABLE response_events;
DROP TABLE response_facts;
DROP TABLE response_runs;

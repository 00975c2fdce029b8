CREATE TABLE pipeline_repositories (
    name TEXT NOT NULL,
    shown TEXT NOT NULL,
    default_branch TEXT NOT NULL,
    url TEXT NOT NULL,
    created $moment NOT NULL,
    changed $moment NOT NULL,
    CONSTRAINT pk_pipeline_repositories PRIMARY KEY (name)
);

CREATE TABLE pipeline_runs (
    id TEXT NOT NULL,
    repository TEXT NOT NULL,
    tool TEXT NOT NULL,
    category TEXT NOT NULL,
    tool_version TEXT NOT NULL,
    run_id TEXT NOT NULL,
    branch TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    pull_request TEXT NOT NULL,
    url TEXT NOT NULL,
    started $moment NOT NULL,
    received $moment NOT NULL,
    author TEXT NOT NULL,
    decides BOOLEAN NOT NULL,
    note TEXT NOT NULL,
    digest TEXT NOT NULL,
    counts TEXT NOT NULL,
    severities TEXT NOT NULL,
    findings $bytes NOT NULL,
    CONSTRAINT pk_pipeline_runs PRIMARY KEY (id)
);
CREATE INDEX ix_pipeline_runs_series ON pipeline_runs (repository, tool, category, started);
CREATE INDEX ix_pipeline_runs_started ON pipeline_runs (started);

CREATE TABLE pipeline_planned_resources (
    repository TEXT NOT NULL,
    tool TEXT NOT NULL,
    category TEXT NOT NULL,
    id TEXT NOT NULL,
    file TEXT NOT NULL,
    line INTEGER NOT NULL,
    "column" INTEGER NOT NULL,
    type TEXT NOT NULL,
    exact BOOLEAN NOT NULL,
    conditional BOOLEAN NOT NULL,
    run TEXT NOT NULL,
    passed TEXT NOT NULL,
    CONSTRAINT pk_pipeline_planned_resources PRIMARY KEY (repository, tool, category, id, file, line, "column")
);
CREATE INDEX ix_pipeline_planned_resources_type ON pipeline_planned_resources (type, exact);

CREATE TABLE pipeline_work_items (
    id TEXT NOT NULL,
    repository TEXT NOT NULL,
    tool TEXT NOT NULL,
    category TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status TEXT NOT NULL,
    rule TEXT NOT NULL,
    title TEXT NOT NULL,
    severity TEXT NOT NULL,
    file TEXT NOT NULL,
    line INTEGER NOT NULL,
    "column" INTEGER NOT NULL,
    message TEXT NOT NULL,
    subject TEXT NOT NULL,
    opened $moment NOT NULL,
    opened_run TEXT NOT NULL,
    closed $moment,
    closed_run TEXT NOT NULL,
    seen_run TEXT NOT NULL,
    reopened INTEGER NOT NULL,
    CONSTRAINT pk_pipeline_work_items PRIMARY KEY (id)
);
CREATE INDEX ix_pipeline_work_items_series ON pipeline_work_items (repository, tool, category, status);
CREATE INDEX ix_pipeline_work_items_subject ON pipeline_work_items (subject);

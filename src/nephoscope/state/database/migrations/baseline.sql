-- The tables of the state at revision 0057: a new state is made by these statements, in SQLite and in PostgreSQL. $moment, $bytes,
-- $counted and $false are the words of each (migration.py). A change of a table is a step of its own in versions/; with it either
-- this file and BASELINE in migration.py move on, or a new state takes the step too.

CREATE TABLE arm_documents (
    "key" TEXT NOT NULL,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    author TEXT NOT NULL,
    created $moment NOT NULL,
    changed $moment NOT NULL,
    CONSTRAINT pk_arm_documents PRIMARY KEY ("key")
);
CREATE INDEX ix_arm_documents_type ON arm_documents (type, "key");

CREATE TABLE audit (
    number BIGINT NOT NULL,
    moment $moment NOT NULL,
    author TEXT NOT NULL,
    operation TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL,
    address TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash TEXT NOT NULL,
    CONSTRAINT pk_audit PRIMARY KEY (number)
);

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
    requesters TEXT NOT NULL DEFAULT '[]',
    CONSTRAINT pk_automation_runs PRIMARY KEY (id)
);
CREATE INDEX ix_automation_runs_due ON automation_runs (workspace, status, due);

CREATE TABLE behavior_settings (
    workspace TEXT NOT NULL,
    settings TEXT NOT NULL,
    CONSTRAINT pk_behavior_settings PRIMARY KEY (workspace)
);

CREATE TABLE checkpoints (
    source TEXT NOT NULL,
    "key" TEXT NOT NULL,
    value TEXT NOT NULL,
    changed $moment NOT NULL,
    CONSTRAINT pk_checkpoints PRIMARY KEY (source, "key")
);

CREATE TABLE counted_segments (
    segment TEXT NOT NULL,
    CONSTRAINT pk_counted_segments PRIMARY KEY (segment)
);

CREATE TABLE credentials (
    name TEXT NOT NULL,
    key_id TEXT NOT NULL,
    nonce $bytes NOT NULL,
    sealed $bytes NOT NULL,
    changed $moment NOT NULL,
    CONSTRAINT pk_credentials PRIMARY KEY (name)
);

CREATE TABLE finding_changes (
    subject INTEGER NOT NULL,
    change INTEGER NOT NULL,
    CONSTRAINT pk_finding_changes PRIMARY KEY (subject)
);
CREATE INDEX ix_finding_changes_change ON finding_changes (change);

CREATE TABLE hunting_runs (
    workspace TEXT NOT NULL,
    "query" TEXT NOT NULL,
    since $moment NOT NULL,
    until $moment NOT NULL,
    finished $moment NOT NULL,
    hits BIGINT NOT NULL,
    seconds FLOAT NOT NULL,
    error TEXT NOT NULL,
    CONSTRAINT pk_hunting_runs PRIMARY KEY (workspace, "query")
);

CREATE TABLE image_examinations (
    subject INTEGER NOT NULL,
    examined TEXT NOT NULL,
    counts TEXT NOT NULL,
    findings TEXT NOT NULL,
    CONSTRAINT pk_image_examinations PRIMARY KEY (subject)
);

CREATE TABLE image_listings (
    resource_id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    listed_at $moment NOT NULL,
    digests TEXT NOT NULL,
    containers TEXT NOT NULL DEFAULT '[]',
    CONSTRAINT pk_image_listings PRIMARY KEY (resource_id)
);

CREATE TABLE incidents (
    number $counted NOT NULL,
    id TEXT NOT NULL,
    workspace TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    severity TEXT NOT NULL,
    status TEXT NOT NULL,
    owner TEXT NOT NULL,
    classification TEXT NOT NULL,
    reason TEXT NOT NULL,
    labels TEXT NOT NULL,
    first_activity $moment NOT NULL,
    last_activity $moment NOT NULL,
    created $moment NOT NULL,
    changed $moment NOT NULL,
    closed $moment,
    merged_into BIGINT,
    told $moment,
    acknowledged $moment,
    first_modified $moment,
    severity_set BOOLEAN DEFAULT $false NOT NULL,
    title_set BOOLEAN DEFAULT $false NOT NULL,
    owner_told TEXT DEFAULT '{}' NOT NULL,
    CONSTRAINT pk_incidents PRIMARY KEY (number),
    CONSTRAINT uq_incidents_id UNIQUE (id)
);
CREATE INDEX ix_incidents_last_activity ON incidents (workspace, last_activity);

CREATE TABLE ingested_files (
    workspace TEXT NOT NULL,
    identity TEXT NOT NULL,
    name TEXT NOT NULL,
    format TEXT NOT NULL,
    size BIGINT NOT NULL,
    done BIGINT NOT NULL,
    chunk BIGINT NOT NULL,
    rows BIGINT NOT NULL,
    bad BIGINT NOT NULL,
    started $moment NOT NULL,
    finished $moment,
    sure BIGINT,
    lines BOOLEAN,
    closing TEXT,
    head TEXT,
    marks TEXT,
    CONSTRAINT pk_ingested_files PRIMARY KEY (workspace, identity)
);
CREATE INDEX ix_ingested_files_started ON ingested_files (workspace, started);

CREATE TABLE intel (
    workspace TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    modified $moment NOT NULL,
    digest TEXT NOT NULL,
    "values" TEXT NOT NULL,
    observables TEXT NOT NULL,
    document TEXT NOT NULL,
    confidence INTEGER,
    valid_until $moment,
    revoked BOOLEAN NOT NULL,
    withdrawn TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    published $moment NOT NULL,
    stix TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_intel PRIMARY KEY (workspace, id)
);
CREATE INDEX ix_intel_published ON intel (workspace, active, published);
CREATE INDEX ix_intel_stix ON intel (workspace, stix);

CREATE TABLE inventory_package_names (
    ecosystem TEXT NOT NULL,
    name TEXT NOT NULL,
    package INTEGER NOT NULL,
    CONSTRAINT pk_inventory_package_names PRIMARY KEY (ecosystem, name, package)
);

CREATE TABLE inventory_package_sets (
    digest TEXT NOT NULL,
    kinds TEXT NOT NULL,
    members $bytes NOT NULL,
    packages $bytes NOT NULL,
    CONSTRAINT pk_inventory_package_sets PRIMARY KEY (digest)
);

CREATE TABLE inventory_packages (
    number $counted NOT NULL,
    digest TEXT NOT NULL,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    body $bytes NOT NULL,
    is_pending BOOLEAN NOT NULL,
    is_undetermined BOOLEAN NOT NULL,
    scanner TEXT NOT NULL DEFAULT '',
    CONSTRAINT pk_inventory_packages PRIMARY KEY (number)
);
CREATE UNIQUE INDEX ix_inventory_packages_digest ON inventory_packages (digest);
CREATE INDEX ix_inventory_packages_pending ON inventory_packages (is_pending);

CREATE TABLE inventory_subjects (
    id $counted NOT NULL,
    kind TEXT NOT NULL,
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    subscription TEXT NOT NULL,
    resource_group TEXT NOT NULL,
    login_server TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    tags TEXT NOT NULL,
    family TEXT NOT NULL,
    release TEXT NOT NULL,
    scanned_at $moment NOT NULL,
    kept_at $moment NOT NULL,
    scanner TEXT NOT NULL,
    scanner_version TEXT NOT NULL,
    author TEXT NOT NULL,
    package_set TEXT NOT NULL,
    packages INTEGER NOT NULL,
    unread TEXT NOT NULL,
    CONSTRAINT pk_inventory_subjects PRIMARY KEY (id)
);
CREATE UNIQUE INDEX ix_inventory_subjects_key ON inventory_subjects (tenant, kind, key, scanner);
CREATE INDEX ix_inventory_subjects_resource ON inventory_subjects (resource_id);
CREATE INDEX ix_inventory_subjects_set ON inventory_subjects (package_set);

CREATE TABLE known_vulnerabilities (
    id TEXT NOT NULL,
    summary TEXT NOT NULL,
    aliases TEXT NOT NULL,
    is_exploited BOOLEAN NOT NULL,
    is_used_by_ransomware BOOLEAN NOT NULL,
    exploited_since TEXT NOT NULL,
    probability FLOAT,
    percentile FLOAT,
    CONSTRAINT pk_known_vulnerabilities PRIMARY KEY (id)
);

CREATE TABLE learned (
    workspace TEXT NOT NULL,
    rule TEXT NOT NULL,
    "key" TEXT NOT NULL,
    first $moment NOT NULL,
    last $moment NOT NULL,
    CONSTRAINT pk_learned PRIMARY KEY (workspace, rule, "key")
);

CREATE TABLE leases (
    name TEXT NOT NULL,
    holder TEXT NOT NULL,
    fence BIGINT NOT NULL,
    until $moment NOT NULL,
    CONSTRAINT pk_leases PRIMARY KEY (name)
);

CREATE TABLE outbox (
    id $counted NOT NULL,
    batch BIGINT,
    workspace TEXT NOT NULL,
    table_name TEXT NOT NULL,
    "row" TEXT NOT NULL,
    added $moment NOT NULL,
    CONSTRAINT pk_outbox PRIMARY KEY (id)
);
CREATE INDEX ix_outbox_batch ON outbox (batch);

CREATE TABLE outbox_batch (
    id BIGINT NOT NULL,
    last BIGINT NOT NULL,
    CONSTRAINT pk_outbox_batch PRIMARY KEY (id)
);

CREATE TABLE own_facts (
    subject TEXT NOT NULL,
    type TEXT NOT NULL,
    subscription TEXT NOT NULL,
    tenant TEXT NOT NULL,
    read_at $moment NOT NULL,
    documents $bytes NOT NULL,
    count INTEGER NOT NULL,
    digest TEXT NOT NULL,
    author TEXT NOT NULL,
    changed $moment NOT NULL,
    CONSTRAINT pk_own_facts PRIMARY KEY (subject, type)
);
CREATE INDEX ix_own_facts_subscription ON own_facts (subscription, subject, type);

CREATE TABLE package_vulnerabilities (
    package INTEGER NOT NULL,
    vulnerability TEXT NOT NULL,
    severity TEXT NOT NULL,
    rank INTEGER NOT NULL,
    score FLOAT,
    state TEXT NOT NULL,
    fixed_version TEXT NOT NULL,
    body $bytes NOT NULL,
    CONSTRAINT pk_package_vulnerabilities PRIMARY KEY (package, vulnerability)
);
CREATE INDEX ix_package_vulnerabilities_vulnerability ON package_vulnerabilities (vulnerability);

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

CREATE TABLE pipeline_repositories (
    name TEXT NOT NULL,
    shown TEXT NOT NULL,
    default_branch TEXT NOT NULL,
    url TEXT NOT NULL,
    created $moment NOT NULL,
    changed $moment NOT NULL,
    branch_chosen BOOLEAN NOT NULL DEFAULT $false,
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

CREATE TABLE principals (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    subject TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    created $moment NOT NULL,
    seen $moment,
    binding TEXT,
    CONSTRAINT pk_principals PRIMARY KEY (id),
    CONSTRAINT uq_principals_kind UNIQUE (kind, name)
);
CREATE INDEX ix_principals_subject ON principals (subject);

CREATE TABLE producers (
    id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    changed $moment NOT NULL,
    CONSTRAINT pk_producers PRIMARY KEY (id)
);

CREATE TABLE repeated_loads (
    workspace TEXT NOT NULL,
    request TEXT NOT NULL,
    run TEXT NOT NULL,
    started $moment NOT NULL,
    CONSTRAINT pk_repeated_loads PRIMARY KEY (workspace, request)
);

CREATE TABLE rule_runs (
    workspace TEXT NOT NULL,
    rule TEXT NOT NULL,
    until $moment NOT NULL,
    finished $moment NOT NULL,
    rows BIGINT NOT NULL,
    alerts BIGINT NOT NULL,
    seconds FLOAT NOT NULL,
    error TEXT NOT NULL,
    fault BOOLEAN NOT NULL,
    tries BIGINT DEFAULT '1' NOT NULL,
    CONSTRAINT pk_rule_runs PRIMARY KEY (workspace, rule, until)
);
CREATE INDEX ix_rule_runs_fault ON rule_runs (workspace, fault, rule);

CREATE TABLE rule_settings (
    workspace TEXT NOT NULL,
    rule TEXT NOT NULL,
    setting TEXT NOT NULL,
    value TEXT NOT NULL,
    comment TEXT NOT NULL,
    expires $moment,
    author TEXT NOT NULL,
    changed $moment NOT NULL,
    advice TEXT NOT NULL,
    CONSTRAINT pk_rule_settings PRIMARY KEY (workspace, rule, setting)
);

CREATE TABLE rule_standings (
    workspace TEXT NOT NULL,
    rule TEXT NOT NULL,
    digest TEXT NOT NULL,
    failures BIGINT NOT NULL,
    disabled $moment,
    skipped BIGINT NOT NULL,
    seen TEXT NOT NULL,
    looked $moment,
    CONSTRAINT pk_rule_standings PRIMARY KEY (workspace, rule)
);

CREATE TABLE rule_switches (
    workspace TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    author TEXT NOT NULL,
    changed $moment NOT NULL,
    CONSTRAINT pk_rule_switches PRIMARY KEY (workspace, kind, subject)
);

CREATE TABLE saved_queries (
    id TEXT NOT NULL,
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    "query" TEXT NOT NULL,
    owner TEXT NOT NULL,
    author TEXT NOT NULL,
    shared BOOLEAN NOT NULL,
    changed $moment NOT NULL,
    CONSTRAINT pk_saved_queries PRIMARY KEY (id)
);
CREATE INDEX ix_saved_queries_workspace ON saved_queries (workspace, shared, owner);

CREATE TABLE schema_changes (
    id $counted NOT NULL,
    source TEXT NOT NULL,
    workspace TEXT NOT NULL,
    table_name TEXT NOT NULL,
    "new" TEXT NOT NULL,
    gone TEXT NOT NULL,
    CONSTRAINT pk_schema_changes PRIMARY KEY (id)
);

CREATE TABLE sign_in_attempts (
    state TEXT NOT NULL,
    browser TEXT NOT NULL,
    provider TEXT NOT NULL,
    nonce TEXT NOT NULL,
    verifier TEXT NOT NULL,
    redirect TEXT NOT NULL,
    next TEXT NOT NULL,
    begun $moment NOT NULL,
    CONSTRAINT pk_sign_in_attempts PRIMARY KEY (state)
);
CREATE INDEX ix_sign_in_attempts_begun ON sign_in_attempts (begun);

CREATE TABLE source_errors (
    source TEXT NOT NULL,
    workspace TEXT NOT NULL,
    "key" TEXT NOT NULL,
    error TEXT NOT NULL,
    since $moment NOT NULL,
    at $moment NOT NULL,
    CONSTRAINT pk_source_errors PRIMARY KEY (source, workspace, "key")
);

CREATE TABLE source_health (
    source TEXT NOT NULL,
    workspace TEXT NOT NULL,
    table_name TEXT NOT NULL,
    first_seen $moment,
    last_seen $moment,
    last_event $moment,
    rows BIGINT NOT NULL,
    bad BIGINT NOT NULL,
    size BIGINT NOT NULL,
    lag BIGINT,
    columns TEXT NOT NULL,
    untimed BIGINT DEFAULT '0' NOT NULL,
    left_out BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_source_health PRIMARY KEY (source, workspace, table_name)
);

CREATE TABLE source_rates (
    source TEXT NOT NULL,
    workspace TEXT NOT NULL,
    table_name TEXT NOT NULL,
    hour $moment NOT NULL,
    rows BIGINT NOT NULL,
    bad BIGINT NOT NULL,
    size BIGINT NOT NULL,
    delay FLOAT NOT NULL,
    untimed BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_source_rates PRIMARY KEY (source, workspace, table_name, hour)
);

CREATE TABLE suppressions (
    id TEXT NOT NULL,
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    rule TEXT NOT NULL,
    conditions TEXT NOT NULL,
    reason TEXT NOT NULL,
    comment TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    expires $moment,
    author TEXT NOT NULL,
    created $moment NOT NULL,
    changed $moment NOT NULL,
    advice TEXT NOT NULL,
    CONSTRAINT pk_suppressions PRIMARY KEY (id),
    CONSTRAINT uq_suppressions_name UNIQUE (workspace, name)
);

CREATE TABLE tuning_changes (
    number $counted NOT NULL,
    workspace TEXT NOT NULL,
    moment $moment NOT NULL,
    author TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    rule TEXT NOT NULL,
    "before" TEXT,
    "after" TEXT,
    advice TEXT NOT NULL,
    CONSTRAINT pk_tuning_changes PRIMARY KEY (number)
);
CREATE INDEX ix_tuning_changes_advice ON tuning_changes (workspace, advice);

CREATE TABLE usage_untold (
    workspace TEXT NOT NULL,
    table_name TEXT NOT NULL,
    hour $moment NOT NULL,
    rows BIGINT NOT NULL,
    size BIGINT NOT NULL,
    timed BIGINT NOT NULL,
    delay FLOAT NOT NULL,
    CONSTRAINT pk_usage_untold PRIMARY KEY (workspace, table_name, hour)
);

CREATE TABLE vulnerability_findings (
    subject INTEGER NOT NULL,
    package INTEGER NOT NULL,
    vulnerability TEXT NOT NULL,
    first_seen $moment NOT NULL,
    opened $moment NOT NULL,
    closed $moment,
    closed_by TEXT NOT NULL,
    earlier TEXT NOT NULL,
    CONSTRAINT pk_vulnerability_findings PRIMARY KEY (subject, package, vulnerability)
);
CREATE INDEX ix_vulnerability_findings_vulnerability ON vulnerability_findings (vulnerability, package, closed, first_seen, subject);

CREATE TABLE watchlist_items (
    list TEXT NOT NULL,
    id TEXT NOT NULL,
    "key" TEXT NOT NULL,
    cells TEXT NOT NULL,
    created $moment NOT NULL,
    changed $moment NOT NULL,
    expires $moment,
    CONSTRAINT pk_watchlist_items PRIMARY KEY (list, id)
);
CREATE INDEX ix_watchlist_items_expires ON watchlist_items (expires);
CREATE INDEX ix_watchlist_items_key ON watchlist_items (list, "key");

CREATE TABLE watchlists (
    workspace TEXT NOT NULL,
    folded TEXT NOT NULL,
    alias TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    provider TEXT NOT NULL,
    source TEXT NOT NULL,
    search_key TEXT NOT NULL,
    columns TEXT NOT NULL,
    days INTEGER NOT NULL,
    created $moment NOT NULL,
    created_by TEXT NOT NULL,
    changed $moment NOT NULL,
    changed_by TEXT NOT NULL,
    version BIGINT NOT NULL,
    published BIGINT NOT NULL,
    told $moment NOT NULL,
    holding TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_watchlists PRIMARY KEY (workspace, folded)
);

CREATE TABLE workspaces (
    name TEXT NOT NULL,
    id TEXT NOT NULL,
    description TEXT NOT NULL,
    days INTEGER NOT NULL,
    members TEXT,
    subscriptions TEXT,
    created $moment NOT NULL,
    CONSTRAINT pk_workspaces PRIMARY KEY (name),
    CONSTRAINT uq_workspaces_id UNIQUE (id)
);

CREATE TABLE alerts (
    id TEXT NOT NULL,
    workspace TEXT NOT NULL,
    rule TEXT NOT NULL,
    status TEXT NOT NULL,
    severity TEXT NOT NULL,
    started $moment NOT NULL,
    ended $moment NOT NULL,
    raised $moment NOT NULL,
    changed $moment NOT NULL,
    incident BIGINT,
    document TEXT NOT NULL,
    held_by TEXT DEFAULT '' NOT NULL,
    subject TEXT DEFAULT '' NOT NULL,
    group_key TEXT DEFAULT '' NOT NULL,
    traits TEXT DEFAULT '{}' NOT NULL,
    stored $moment DEFAULT '1970-01-01 00:00:00.000000' NOT NULL,
    CONSTRAINT pk_alerts PRIMARY KEY (id),
    CONSTRAINT fk_alerts_incident FOREIGN KEY (incident) REFERENCES incidents (number)
);
CREATE INDEX ix_alerts_incident ON alerts (incident);
CREATE INDEX ix_alerts_rule ON alerts (workspace, rule, raised);
CREATE INDEX ix_alerts_stored ON alerts (workspace, stored);
CREATE INDEX ix_alerts_subject ON alerts (workspace, rule, subject, raised);

CREATE TABLE bookmarks (
    id TEXT NOT NULL,
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    "query" TEXT NOT NULL,
    query_name TEXT NOT NULL,
    since $moment NOT NULL,
    until $moment NOT NULL,
    event_time $moment NOT NULL,
    "row" TEXT NOT NULL,
    entities TEXT NOT NULL,
    keys TEXT NOT NULL,
    tactics TEXT NOT NULL,
    techniques TEXT NOT NULL,
    tags TEXT NOT NULL,
    notes TEXT NOT NULL,
    author TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    created $moment NOT NULL,
    changed $moment NOT NULL,
    deleted BOOLEAN NOT NULL,
    incident BIGINT,
    CONSTRAINT pk_bookmarks PRIMARY KEY (id),
    CONSTRAINT fk_bookmarks_incident FOREIGN KEY (incident) REFERENCES incidents (number)
);
CREATE INDEX ix_bookmarks_incident ON bookmarks (incident);
CREATE INDEX ix_bookmarks_workspace ON bookmarks (workspace, created);

CREATE TABLE incident_actions (
    id $counted NOT NULL,
    incident BIGINT NOT NULL,
    moment $moment NOT NULL,
    author TEXT NOT NULL,
    text TEXT NOT NULL,
    CONSTRAINT pk_incident_actions PRIMARY KEY (id),
    CONSTRAINT fk_incident_actions_incident FOREIGN KEY (incident) REFERENCES incidents (number)
);
CREATE INDEX ix_incident_actions_incident ON incident_actions (incident);

CREATE TABLE incident_keys (
    incident BIGINT NOT NULL,
    "key" TEXT NOT NULL,
    CONSTRAINT pk_incident_keys PRIMARY KEY (incident, "key"),
    CONSTRAINT fk_incident_keys_incident FOREIGN KEY (incident) REFERENCES incidents (number)
);
CREATE INDEX ix_incident_keys_key ON incident_keys ("key");

CREATE TABLE incident_notes (
    id $counted NOT NULL,
    incident BIGINT NOT NULL,
    kind TEXT NOT NULL,
    author TEXT NOT NULL,
    text TEXT NOT NULL,
    done BOOLEAN NOT NULL,
    written $moment NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    changed $moment,
    CONSTRAINT pk_incident_notes PRIMARY KEY (id),
    CONSTRAINT fk_incident_notes_incident FOREIGN KEY (incident) REFERENCES incidents (number)
);

CREATE TABLE role_assignments (
    id TEXT NOT NULL,
    principal TEXT NOT NULL,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    author TEXT NOT NULL,
    created $moment NOT NULL,
    CONSTRAINT pk_role_assignments PRIMARY KEY (id),
    CONSTRAINT fk_role_assignments_principal FOREIGN KEY (principal) REFERENCES principals (id),
    CONSTRAINT uq_role_assignments_principal UNIQUE (principal, role, scope)
);

CREATE TABLE secrets (
    id TEXT NOT NULL,
    principal TEXT NOT NULL,
    kind TEXT NOT NULL,
    hash TEXT NOT NULL,
    label TEXT NOT NULL,
    created $moment NOT NULL,
    expires $moment,
    used $moment,
    CONSTRAINT pk_secrets PRIMARY KEY (id),
    CONSTRAINT fk_secrets_principal FOREIGN KEY (principal) REFERENCES principals (id),
    CONSTRAINT uq_secrets_hash UNIQUE (hash)
);
CREATE INDEX ix_secrets_principal ON secrets (principal);

CREATE TABLE sign_in_providers (
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    issuer TEXT NOT NULL,
    client_id TEXT NOT NULL,
    credential TEXT,
    scopes TEXT NOT NULL,
    rules TEXT NOT NULL,
    trust TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    created $moment NOT NULL,
    CONSTRAINT pk_sign_in_providers PRIMARY KEY (name),
    CONSTRAINT fk_sign_in_providers_credential FOREIGN KEY (credential) REFERENCES credentials (name)
);

CREATE TABLE sources (
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    settings TEXT NOT NULL,
    workspace TEXT NOT NULL,
    credential TEXT,
    enabled BOOLEAN NOT NULL,
    created $moment NOT NULL,
    CONSTRAINT pk_sources PRIMARY KEY (name),
    CONSTRAINT fk_sources_workspace FOREIGN KEY (workspace) REFERENCES workspaces (name),
    CONSTRAINT fk_sources_credential FOREIGN KEY (credential) REFERENCES credentials (name)
);

CREATE TABLE table_retention (
    workspace TEXT NOT NULL,
    table_name TEXT NOT NULL,
    days INTEGER NOT NULL,
    CONSTRAINT pk_table_retention PRIMARY KEY (workspace, table_name),
    CONSTRAINT fk_table_retention_workspace FOREIGN KEY (workspace) REFERENCES workspaces (name) ON DELETE CASCADE
);

CREATE TABLE tenants (
    name TEXT NOT NULL,
    settings TEXT NOT NULL,
    credential TEXT,
    enabled BOOLEAN NOT NULL,
    hours FLOAT NOT NULL,
    created $moment NOT NULL,
    collected $moment,
    snapshot TEXT NOT NULL,
    error TEXT NOT NULL,
    error_at $moment,
    tested TEXT,
    CONSTRAINT pk_tenants PRIMARY KEY (name),
    CONSTRAINT fk_tenants_credential FOREIGN KEY (credential) REFERENCES credentials (name)
);

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
CREATE TABLE agent_enrolments (
    name TEXT NOT NULL,
    principal TEXT NOT NULL,
    scope TEXT NOT NULL,
    workspace TEXT NOT NULL,
    location TEXT NOT NULL,
    most INTEGER NOT NULL,
    used INTEGER NOT NULL,
    expires $moment NOT NULL,
    author TEXT NOT NULL,
    created $moment NOT NULL,
    CONSTRAINT pk_agent_enrolments PRIMARY KEY (name),
    CONSTRAINT fk_agent_enrolments_principal FOREIGN KEY(principal) REFERENCES principals (id),
    CONSTRAINT fk_agent_enrolments_workspace FOREIGN KEY(workspace) REFERENCES workspaces (name)
);
CREATE TABLE agents (
    resource TEXT NOT NULL,
    id TEXT NOT NULL,
    computer TEXT NOT NULL,
    machine_id TEXT NOT NULL,
    principal TEXT NOT NULL,
    enrolment TEXT NOT NULL,
    workspace TEXT NOT NULL,
    location TEXT NOT NULL,
    os_name TEXT NOT NULL,
    architecture TEXT NOT NULL,
    version TEXT NOT NULL,
    enrolled $moment NOT NULL,
    seen $moment,
    health TEXT NOT NULL,
    CONSTRAINT pk_agents PRIMARY KEY (resource),
    CONSTRAINT fk_agents_principal FOREIGN KEY(principal) REFERENCES principals (id),
    CONSTRAINT fk_agents_workspace FOREIGN KEY(workspace) REFERENCES workspaces (name)
);
CREATE INDEX ix_agents_principal ON agents (principal);

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

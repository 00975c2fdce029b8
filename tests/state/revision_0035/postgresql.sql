CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.alerts (
    id text NOT NULL,
    workspace text NOT NULL,
    rule text NOT NULL,
    status text NOT NULL,
    severity text NOT NULL,
    started timestamp with time zone NOT NULL,
    ended timestamp with time zone NOT NULL,
    raised timestamp with time zone NOT NULL,
    changed timestamp with time zone NOT NULL,
    incident bigint,
    document text NOT NULL,
    held_by text DEFAULT ''::text NOT NULL,
    subject text DEFAULT ''::text NOT NULL,
    group_key text DEFAULT ''::text NOT NULL,
    traits text DEFAULT '{}'::text NOT NULL
);
CREATE TABLE public.arm_documents (
    key text NOT NULL,
    type text NOT NULL,
    body text NOT NULL,
    author text NOT NULL,
    created timestamp with time zone NOT NULL,
    changed timestamp with time zone NOT NULL
);
CREATE TABLE public.audit (
    number bigint NOT NULL,
    moment timestamp with time zone NOT NULL,
    author text NOT NULL,
    operation text NOT NULL,
    target text NOT NULL,
    outcome text NOT NULL,
    address text NOT NULL,
    detail text NOT NULL,
    hash text NOT NULL
);
CREATE TABLE public.bookmarks (
    id text NOT NULL,
    workspace text NOT NULL,
    name text NOT NULL,
    query text NOT NULL,
    query_name text NOT NULL,
    since timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    event_time timestamp with time zone NOT NULL,
    "row" text NOT NULL,
    entities text NOT NULL,
    keys text NOT NULL,
    tactics text NOT NULL,
    techniques text NOT NULL,
    tags text NOT NULL,
    notes text NOT NULL,
    author text NOT NULL,
    changed_by text NOT NULL,
    created timestamp with time zone NOT NULL,
    changed timestamp with time zone NOT NULL,
    deleted boolean NOT NULL,
    incident bigint
);
CREATE TABLE public.checkpoints (
    source text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    changed timestamp with time zone NOT NULL
);
CREATE TABLE public.counted_segments (
    segment text NOT NULL
);
CREATE TABLE public.credentials (
    name text NOT NULL,
    key_id text NOT NULL,
    nonce bytea NOT NULL,
    sealed bytea NOT NULL,
    changed timestamp with time zone NOT NULL
);
CREATE TABLE public.hunting_runs (
    workspace text NOT NULL,
    query text NOT NULL,
    since timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    finished timestamp with time zone NOT NULL,
    hits bigint NOT NULL,
    seconds double precision NOT NULL,
    error text NOT NULL
);
CREATE TABLE public.incident_actions (
    id bigint NOT NULL,
    incident bigint NOT NULL,
    moment timestamp with time zone NOT NULL,
    author text NOT NULL,
    text text NOT NULL
);
CREATE SEQUENCE public.incident_actions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.incident_actions_id_seq OWNED BY public.incident_actions.id;
CREATE TABLE public.incident_keys (
    incident bigint NOT NULL,
    key text NOT NULL
);
CREATE TABLE public.incident_notes (
    id bigint NOT NULL,
    incident bigint NOT NULL,
    kind text NOT NULL,
    author text NOT NULL,
    text text NOT NULL,
    done boolean NOT NULL,
    written timestamp with time zone NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    changed timestamp with time zone
);
CREATE SEQUENCE public.incident_notes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.incident_notes_id_seq OWNED BY public.incident_notes.id;
CREATE TABLE public.incidents (
    number bigint NOT NULL,
    id text NOT NULL,
    workspace text NOT NULL,
    title text NOT NULL,
    description text NOT NULL,
    severity text NOT NULL,
    status text NOT NULL,
    owner text NOT NULL,
    classification text NOT NULL,
    reason text NOT NULL,
    labels text NOT NULL,
    first_activity timestamp with time zone NOT NULL,
    last_activity timestamp with time zone NOT NULL,
    created timestamp with time zone NOT NULL,
    changed timestamp with time zone NOT NULL,
    closed timestamp with time zone,
    merged_into bigint,
    told timestamp with time zone,
    acknowledged timestamp with time zone,
    first_modified timestamp with time zone,
    severity_set boolean DEFAULT false NOT NULL,
    title_set boolean DEFAULT false NOT NULL,
    owner_told text DEFAULT '{}'::text NOT NULL
);
CREATE SEQUENCE public.incidents_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.incidents_number_seq OWNED BY public.incidents.number;
CREATE TABLE public.ingested_files (
    workspace text NOT NULL,
    identity text NOT NULL,
    name text NOT NULL,
    format text NOT NULL,
    size bigint NOT NULL,
    done bigint NOT NULL,
    chunk bigint NOT NULL,
    rows bigint NOT NULL,
    bad bigint NOT NULL,
    started timestamp with time zone NOT NULL,
    finished timestamp with time zone,
    sure bigint,
    lines boolean,
    closing text,
    head text,
    marks text
);
CREATE TABLE public.intel (
    workspace text NOT NULL,
    id text NOT NULL,
    kind text NOT NULL,
    source text NOT NULL,
    modified timestamp with time zone NOT NULL,
    digest text NOT NULL,
    "values" text NOT NULL,
    observables text NOT NULL,
    document text NOT NULL,
    confidence integer,
    valid_until timestamp with time zone,
    revoked boolean NOT NULL,
    withdrawn text NOT NULL,
    active boolean NOT NULL,
    published timestamp with time zone NOT NULL,
    stix text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.learned (
    workspace text NOT NULL,
    rule text NOT NULL,
    key text NOT NULL,
    first timestamp with time zone NOT NULL,
    last timestamp with time zone NOT NULL
);
CREATE TABLE public.leases (
    name text NOT NULL,
    holder text NOT NULL,
    fence bigint NOT NULL,
    until timestamp with time zone NOT NULL
);
CREATE TABLE public.outbox (
    id bigint NOT NULL,
    batch bigint,
    workspace text NOT NULL,
    table_name text NOT NULL,
    "row" text NOT NULL,
    added timestamp with time zone NOT NULL
);
CREATE TABLE public.outbox_batch (
    id bigint NOT NULL,
    last bigint NOT NULL
);
CREATE SEQUENCE public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.outbox_id_seq OWNED BY public.outbox.id;
CREATE TABLE public.own_facts (
    subject text NOT NULL,
    type text NOT NULL,
    subscription text NOT NULL,
    tenant text NOT NULL,
    read_at timestamp with time zone NOT NULL,
    documents bytea NOT NULL,
    count integer NOT NULL,
    digest text NOT NULL,
    author text NOT NULL,
    changed timestamp with time zone NOT NULL
);
CREATE TABLE public.principals (
    id text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    subject text NOT NULL,
    disabled boolean NOT NULL,
    created timestamp with time zone NOT NULL,
    seen timestamp with time zone,
    binding text
);
CREATE TABLE public.producers (
    id text NOT NULL,
    sequence bigint NOT NULL,
    changed timestamp with time zone NOT NULL
);
CREATE TABLE public.repeated_loads (
    workspace text NOT NULL,
    request text NOT NULL,
    run text NOT NULL,
    started timestamp with time zone NOT NULL
);
CREATE TABLE public.response_events (
    id bigint NOT NULL,
    workspace text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    document text NOT NULL,
    happened timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.response_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.response_events_id_seq OWNED BY public.response_events.id;
CREATE TABLE public.response_facts (
    workspace text NOT NULL,
    subject text NOT NULL,
    facts text NOT NULL
);
CREATE TABLE public.response_runs (
    id text NOT NULL,
    workspace text NOT NULL,
    rule text NOT NULL,
    action text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    status text NOT NULL,
    detail text NOT NULL,
    by text NOT NULL,
    settings text NOT NULL,
    document text NOT NULL,
    attempts integer NOT NULL,
    due timestamp with time zone NOT NULL,
    until timestamp with time zone,
    plan text,
    created timestamp with time zone NOT NULL,
    changed timestamp with time zone NOT NULL,
    step text DEFAULT 'do'::text NOT NULL,
    begun integer DEFAULT 0 NOT NULL,
    cut_off integer DEFAULT 0 NOT NULL
);
CREATE TABLE public.role_assignments (
    id text NOT NULL,
    principal text NOT NULL,
    role text NOT NULL,
    scope text NOT NULL,
    author text NOT NULL,
    created timestamp with time zone NOT NULL
);
CREATE TABLE public.rule_runs (
    workspace text NOT NULL,
    rule text NOT NULL,
    until timestamp with time zone NOT NULL,
    finished timestamp with time zone NOT NULL,
    rows bigint NOT NULL,
    alerts bigint NOT NULL,
    seconds double precision NOT NULL,
    error text NOT NULL,
    fault boolean NOT NULL,
    tries bigint DEFAULT '1'::bigint NOT NULL
);
CREATE TABLE public.rule_settings (
    workspace text NOT NULL,
    rule text NOT NULL,
    setting text NOT NULL,
    value text NOT NULL,
    comment text NOT NULL,
    expires timestamp with time zone,
    author text NOT NULL,
    changed timestamp with time zone NOT NULL,
    advice text NOT NULL
);
CREATE TABLE public.rule_standings (
    workspace text NOT NULL,
    rule text NOT NULL,
    digest text NOT NULL,
    failures bigint NOT NULL,
    disabled timestamp with time zone,
    skipped bigint NOT NULL,
    seen text NOT NULL,
    looked timestamp with time zone
);
CREATE TABLE public.rule_switches (
    workspace text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    enabled boolean NOT NULL,
    author text NOT NULL,
    changed timestamp with time zone NOT NULL
);
CREATE TABLE public.saved_queries (
    id text NOT NULL,
    workspace text NOT NULL,
    name text NOT NULL,
    query text NOT NULL,
    owner text NOT NULL,
    author text NOT NULL,
    shared boolean NOT NULL,
    changed timestamp with time zone NOT NULL
);
CREATE TABLE public.schema_changes (
    id bigint NOT NULL,
    source text NOT NULL,
    workspace text NOT NULL,
    table_name text NOT NULL,
    new text NOT NULL,
    gone text NOT NULL
);
CREATE SEQUENCE public.schema_changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.schema_changes_id_seq OWNED BY public.schema_changes.id;
CREATE TABLE public.secrets (
    id text NOT NULL,
    principal text NOT NULL,
    kind text NOT NULL,
    hash text NOT NULL,
    label text NOT NULL,
    created timestamp with time zone NOT NULL,
    expires timestamp with time zone,
    used timestamp with time zone
);
CREATE TABLE public.sign_in_attempts (
    state text NOT NULL,
    browser text NOT NULL,
    provider text NOT NULL,
    nonce text NOT NULL,
    verifier text NOT NULL,
    redirect text NOT NULL,
    next text NOT NULL,
    begun timestamp with time zone NOT NULL
);
CREATE TABLE public.sign_in_providers (
    name text NOT NULL,
    title text NOT NULL,
    issuer text NOT NULL,
    client_id text NOT NULL,
    credential text,
    scopes text NOT NULL,
    rules text NOT NULL,
    trust text NOT NULL,
    enabled boolean NOT NULL,
    created timestamp with time zone NOT NULL
);
CREATE TABLE public.source_errors (
    source text NOT NULL,
    workspace text NOT NULL,
    key text NOT NULL,
    error text NOT NULL,
    since timestamp with time zone NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE TABLE public.source_health (
    source text NOT NULL,
    workspace text NOT NULL,
    table_name text NOT NULL,
    first_seen timestamp with time zone,
    last_seen timestamp with time zone,
    last_event timestamp with time zone,
    rows bigint NOT NULL,
    bad bigint NOT NULL,
    size bigint NOT NULL,
    lag bigint,
    columns text NOT NULL,
    untimed bigint DEFAULT '0'::bigint NOT NULL,
    left_out bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.source_rates (
    source text NOT NULL,
    workspace text NOT NULL,
    table_name text NOT NULL,
    hour timestamp with time zone NOT NULL,
    rows bigint NOT NULL,
    bad bigint NOT NULL,
    size bigint NOT NULL,
    delay double precision NOT NULL,
    untimed bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.sources (
    name text NOT NULL,
    kind text NOT NULL,
    settings text NOT NULL,
    workspace text NOT NULL,
    credential text,
    enabled boolean NOT NULL,
    created timestamp with time zone NOT NULL
);
CREATE TABLE public.suppressions (
    id text NOT NULL,
    workspace text NOT NULL,
    name text NOT NULL,
    rule text NOT NULL,
    conditions text NOT NULL,
    reason text NOT NULL,
    comment text NOT NULL,
    enabled boolean NOT NULL,
    expires timestamp with time zone,
    author text NOT NULL,
    created timestamp with time zone NOT NULL,
    changed timestamp with time zone NOT NULL,
    advice text NOT NULL
);
CREATE TABLE public.table_retention (
    workspace text NOT NULL,
    table_name text NOT NULL,
    days integer NOT NULL
);
CREATE TABLE public.tenants (
    name text NOT NULL,
    settings text NOT NULL,
    credential text,
    enabled boolean NOT NULL,
    hours double precision NOT NULL,
    created timestamp with time zone NOT NULL,
    collected timestamp with time zone,
    snapshot text NOT NULL,
    error text NOT NULL,
    error_at timestamp with time zone,
    tested text
);
CREATE TABLE public.tuning_changes (
    number bigint NOT NULL,
    workspace text NOT NULL,
    moment timestamp with time zone NOT NULL,
    author text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    rule text NOT NULL,
    before text,
    after text,
    advice text NOT NULL
);
CREATE SEQUENCE public.tuning_changes_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.tuning_changes_number_seq OWNED BY public.tuning_changes.number;
CREATE TABLE public.usage_untold (
    workspace text NOT NULL,
    table_name text NOT NULL,
    hour timestamp with time zone NOT NULL,
    rows bigint NOT NULL,
    size bigint NOT NULL,
    timed bigint NOT NULL,
    delay double precision NOT NULL
);
CREATE TABLE public.watchlist_items (
    list text NOT NULL,
    id text NOT NULL,
    key text NOT NULL,
    cells text NOT NULL,
    created timestamp with time zone NOT NULL,
    changed timestamp with time zone NOT NULL,
    expires timestamp with time zone
);
CREATE TABLE public.watchlists (
    workspace text NOT NULL,
    folded text NOT NULL,
    alias text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    provider text NOT NULL,
    source text NOT NULL,
    search_key text NOT NULL,
    columns text NOT NULL,
    days integer NOT NULL,
    created timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    changed timestamp with time zone NOT NULL,
    changed_by text NOT NULL,
    version bigint NOT NULL,
    published bigint NOT NULL,
    told timestamp with time zone NOT NULL,
    holding text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.workspaces (
    name text NOT NULL,
    id text NOT NULL,
    description text NOT NULL,
    days integer NOT NULL,
    members text,
    subscriptions text,
    created timestamp with time zone NOT NULL
);
ALTER TABLE ONLY public.incident_actions ALTER COLUMN id SET DEFAULT nextval('public.incident_actions_id_seq'::regclass);
ALTER TABLE ONLY public.incident_notes ALTER COLUMN id SET DEFAULT nextval('public.incident_notes_id_seq'::regclass);
ALTER TABLE ONLY public.incidents ALTER COLUMN number SET DEFAULT nextval('public.incidents_number_seq'::regclass);
ALTER TABLE ONLY public.outbox ALTER COLUMN id SET DEFAULT nextval('public.outbox_id_seq'::regclass);
ALTER TABLE ONLY public.response_events ALTER COLUMN id SET DEFAULT nextval('public.response_events_id_seq'::regclass);
ALTER TABLE ONLY public.schema_changes ALTER COLUMN id SET DEFAULT nextval('public.schema_changes_id_seq'::regclass);
ALTER TABLE ONLY public.tuning_changes ALTER COLUMN number SET DEFAULT nextval('public.tuning_changes_number_seq'::regclass);
INSERT INTO public.alembic_version (version_num) VALUES ('0035');
INSERT INTO public.alerts (id, workspace, rule, status, severity, started, ended, raised, changed, incident, document, held_by, subject, group_key, traits) VALUES ('id''1é', 'workspace''1é', 'rule''1é', 'status''1é', 'severity''1é', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', 1, '[]', 'held_by''1é', 'subject''1é', 'group_key''1é', '[]');
INSERT INTO public.alerts (id, workspace, rule, status, severity, started, ended, raised, changed, incident, document, held_by, subject, group_key, traits) VALUES ('id''2é', 'workspace''2é', 'rule''2é', 'status''2é', 'severity''2é', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', 2, '{"n":2,"é":["\u0000''"]}', 'held_by''2é', 'subject''2é', 'group_key''2é', '{"n":2,"é":["\u0000''"]}');
INSERT INTO public.arm_documents (key, type, body, author, created, changed) VALUES ('key''1é', 'type''1é', '[]', 'author''1é', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.arm_documents (key, type, body, author, created, changed) VALUES ('key''2é', 'type''2é', '{"n":2,"é":["\u0000''"]}', 'author''2é', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.audit (number, moment, author, operation, target, outcome, address, detail, hash) VALUES (1, '2026-03-01 17:46:00.000007+05:45', 'author''1é', 'operation''1é', 'target''1é', 'outcome''1é', 'address''1é', '[]', 'hash''1é');
INSERT INTO public.audit (number, moment, author, operation, target, outcome, address, detail, hash) VALUES (2, '2026-03-01 17:47:00.000007+05:45', 'author''2é', 'operation''2é', 'target''2é', 'outcome''2é', 'address''2é', '{"n":2,"é":["\u0000''"]}', 'hash''2é');
INSERT INTO public.bookmarks (id, workspace, name, query, query_name, since, until, event_time, "row", entities, keys, tactics, techniques, tags, notes, author, changed_by, created, changed, deleted, incident) VALUES ('id''1é', 'workspace''1é', 'name''1é', 'query''1é', 'query_name''1é', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', '[]', '[]', '[]', '[]', '[]', '[]', 'notes''1é', 'author''1é', 'changed_by''1é', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', true, 1);
INSERT INTO public.bookmarks (id, workspace, name, query, query_name, since, until, event_time, "row", entities, keys, tactics, techniques, tags, notes, author, changed_by, created, changed, deleted, incident) VALUES ('id''2é', 'workspace''2é', 'name''2é', 'query''2é', 'query_name''2é', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', '{"n":2,"é":["\u0000''"]}', '{"n":2,"é":["\u0000''"]}', '{"n":2,"é":["\u0000''"]}', '{"n":2,"é":["\u0000''"]}', '{"n":2,"é":["\u0000''"]}', '{"n":2,"é":["\u0000''"]}', 'notes''2é', 'author''2é', 'changed_by''2é', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', false, 2);
INSERT INTO public.checkpoints (source, key, value, changed) VALUES ('source''1é', 'key''1é', '[]', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.checkpoints (source, key, value, changed) VALUES ('source''2é', 'key''2é', '{"n":2,"é":["\u0000''"]}', '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.counted_segments (segment) VALUES ('segment''1é');
INSERT INTO public.counted_segments (segment) VALUES ('segment''2é');
INSERT INTO public.credentials (name, key_id, nonce, sealed, changed) VALUES ('name''1é', 'key_id''1é', '\x0100ff27', '\x0100ff27', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.credentials (name, key_id, nonce, sealed, changed) VALUES ('name''2é', 'key_id''2é', '\x0200ff27', '\x0200ff27', '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.hunting_runs (workspace, query, since, until, finished, hits, seconds, error) VALUES ('workspace''1é', 'query''1é', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', 1, 1.5, 'error''1é');
INSERT INTO public.hunting_runs (workspace, query, since, until, finished, hits, seconds, error) VALUES ('workspace''2é', 'query''2é', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', 2, 2.5, 'error''2é');
INSERT INTO public.incident_actions (id, incident, moment, author, text) VALUES (1, 1, '2026-03-01 17:46:00.000007+05:45', 'author''1é', 'text''1é');
INSERT INTO public.incident_actions (id, incident, moment, author, text) VALUES (2, 2, '2026-03-01 17:47:00.000007+05:45', 'author''2é', 'text''2é');
INSERT INTO public.incident_keys (incident, key) VALUES (1, 'key''1é');
INSERT INTO public.incident_keys (incident, key) VALUES (2, 'key''2é');
INSERT INTO public.incident_notes (id, incident, kind, author, text, done, written, name, changed) VALUES (1, 1, 'kind''1é', 'author''1é', 'text''1é', true, '2026-03-01 17:46:00.000007+05:45', 'name''1é', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.incident_notes (id, incident, kind, author, text, done, written, name, changed) VALUES (2, 2, 'kind''2é', 'author''2é', 'text''2é', false, '2026-03-01 17:47:00.000007+05:45', 'name''2é', '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.incidents (number, id, workspace, title, description, severity, status, owner, classification, reason, labels, first_activity, last_activity, created, changed, closed, merged_into, told, acknowledged, first_modified, severity_set, title_set, owner_told) VALUES (1, 'id''1é', 'workspace''1é', 'title''1é', 'description''1é', 'severity''1é', 'status''1é', 'owner''1é', 'classification''1é', 'reason''1é', '[]', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', 1, '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', true, true, '[]');
INSERT INTO public.incidents (number, id, workspace, title, description, severity, status, owner, classification, reason, labels, first_activity, last_activity, created, changed, closed, merged_into, told, acknowledged, first_modified, severity_set, title_set, owner_told) VALUES (2, 'id''2é', 'workspace''2é', 'title''2é', 'description''2é', 'severity''2é', 'status''2é', 'owner''2é', 'classification''2é', 'reason''2é', '{"n":2,"é":["\u0000''"]}', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', 2, '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', false, false, '{"n":2,"é":["\u0000''"]}');
INSERT INTO public.ingested_files (workspace, identity, name, format, size, done, chunk, rows, bad, started, finished, sure, lines, closing, head, marks) VALUES ('workspace''1é', 'identity''1é', 'name''1é', 'format''1é', 1, 1, 1, 1, 1, '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', 1, true, 'closing''1é', 'head''1é', 'marks''1é');
INSERT INTO public.ingested_files (workspace, identity, name, format, size, done, chunk, rows, bad, started, finished, sure, lines, closing, head, marks) VALUES ('workspace''2é', 'identity''2é', 'name''2é', 'format''2é', 2, 2, 2, 2, 2, '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', 2, false, 'closing''2é', 'head''2é', 'marks''2é');
INSERT INTO public.intel (workspace, id, kind, source, modified, digest, "values", observables, document, confidence, valid_until, revoked, withdrawn, active, published, stix) VALUES ('workspace''1é', 'id''1é', 'kind''1é', 'source''1é', '2026-03-01 17:46:00.000007+05:45', 'digest''1é', 'values''1é', '[]', '[]', 1, '2026-03-01 17:46:00.000007+05:45', true, 'withdrawn''1é', true, '2026-03-01 17:46:00.000007+05:45', 'stix''1é');
INSERT INTO public.intel (workspace, id, kind, source, modified, digest, "values", observables, document, confidence, valid_until, revoked, withdrawn, active, published, stix) VALUES ('workspace''2é', 'id''2é', 'kind''2é', 'source''2é', '2026-03-01 17:47:00.000007+05:45', 'digest''2é', 'values''2é', '{"n":2,"é":["\u0000''"]}', '{"n":2,"é":["\u0000''"]}', 2, '2026-03-01 17:47:00.000007+05:45', false, 'withdrawn''2é', false, '2026-03-01 17:47:00.000007+05:45', 'stix''2é');
INSERT INTO public.learned (workspace, rule, key, first, last) VALUES ('workspace''1é', 'rule''1é', 'key''1é', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.learned (workspace, rule, key, first, last) VALUES ('workspace''2é', 'rule''2é', 'key''2é', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.leases (name, holder, fence, until) VALUES ('name''1é', 'holder''1é', 1, '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.leases (name, holder, fence, until) VALUES ('name''2é', 'holder''2é', 2, '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.outbox (id, batch, workspace, table_name, "row", added) VALUES (1, 1, 'workspace''1é', 'table_name''1é', '[]', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.outbox (id, batch, workspace, table_name, "row", added) VALUES (2, 2, 'workspace''2é', 'table_name''2é', '{"n":2,"é":["\u0000''"]}', '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.outbox_batch (id, last) VALUES (1, 1);
INSERT INTO public.outbox_batch (id, last) VALUES (2, 2);
INSERT INTO public.own_facts (subject, type, subscription, tenant, read_at, documents, count, digest, author, changed) VALUES ('subject''1é', 'type''1é', 'subscription''1é', 'tenant''1é', '2026-03-01 17:46:00.000007+05:45', '\x0100ff27', 1, 'digest''1é', 'author''1é', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.own_facts (subject, type, subscription, tenant, read_at, documents, count, digest, author, changed) VALUES ('subject''2é', 'type''2é', 'subscription''2é', 'tenant''2é', '2026-03-01 17:47:00.000007+05:45', '\x0200ff27', 2, 'digest''2é', 'author''2é', '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.principals (id, kind, name, subject, disabled, created, seen, binding) VALUES ('id''1é', 'kind''1é', 'name''1é', 'subject''1é', true, '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', '[]');
INSERT INTO public.principals (id, kind, name, subject, disabled, created, seen, binding) VALUES ('id''2é', 'kind''2é', 'name''2é', 'subject''2é', false, '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', '{"n":2,"é":["\u0000''"]}');
INSERT INTO public.producers (id, sequence, changed) VALUES ('id''1é', 1, '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.producers (id, sequence, changed) VALUES ('id''2é', 2, '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.repeated_loads (workspace, request, run, started) VALUES ('workspace''1é', 'request''1é', 'run''1é', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.repeated_loads (workspace, request, run, started) VALUES ('workspace''2é', 'request''2é', 'run''2é', '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.response_events (id, workspace, kind, subject, document, happened) VALUES (1, 'workspace''1é', 'kind''1é', 'subject''1é', '[]', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.response_events (id, workspace, kind, subject, document, happened) VALUES (2, 'workspace''2é', 'kind''2é', 'subject''2é', '{"n":2,"é":["\u0000''"]}', '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.response_facts (workspace, subject, facts) VALUES ('workspace''1é', 'subject''1é', '[]');
INSERT INTO public.response_facts (workspace, subject, facts) VALUES ('workspace''2é', 'subject''2é', '{"n":2,"é":["\u0000''"]}');
INSERT INTO public.response_runs (id, workspace, rule, action, kind, subject, status, detail, by, settings, document, attempts, due, until, plan, created, changed, step, begun, cut_off) VALUES ('id''1é', 'workspace''1é', 'rule''1é', 'action''1é', 'kind''1é', 'subject''1é', 'status''1é', 'detail''1é', 'by''1é', '[]', '[]', 1, '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', '[]', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', 'step''1é', 1, 1);
INSERT INTO public.response_runs (id, workspace, rule, action, kind, subject, status, detail, by, settings, document, attempts, due, until, plan, created, changed, step, begun, cut_off) VALUES ('id''2é', 'workspace''2é', 'rule''2é', 'action''2é', 'kind''2é', 'subject''2é', 'status''2é', 'detail''2é', 'by''2é', '{"n":2,"é":["\u0000''"]}', '{"n":2,"é":["\u0000''"]}', 2, '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', '{"n":2,"é":["\u0000''"]}', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', 'step''2é', 2, 2);
INSERT INTO public.role_assignments (id, principal, role, scope, author, created) VALUES ('id''1é', 'id''1é', 'role''1é', 'scope''1é', 'author''1é', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.role_assignments (id, principal, role, scope, author, created) VALUES ('id''2é', 'id''2é', 'role''2é', 'scope''2é', 'author''2é', '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.rule_runs (workspace, rule, until, finished, rows, alerts, seconds, error, fault, tries) VALUES ('workspace''1é', 'rule''1é', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', 1, 1, 1.5, 'error''1é', true, 1);
INSERT INTO public.rule_runs (workspace, rule, until, finished, rows, alerts, seconds, error, fault, tries) VALUES ('workspace''2é', 'rule''2é', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', 2, 2, 2.5, 'error''2é', false, 2);
INSERT INTO public.rule_settings (workspace, rule, setting, value, comment, expires, author, changed, advice) VALUES ('workspace''1é', 'rule''1é', 'setting''1é', '[]', 'comment''1é', '2026-03-01 17:46:00.000007+05:45', 'author''1é', '2026-03-01 17:46:00.000007+05:45', 'advice''1é');
INSERT INTO public.rule_settings (workspace, rule, setting, value, comment, expires, author, changed, advice) VALUES ('workspace''2é', 'rule''2é', 'setting''2é', '{"n":2,"é":["\u0000''"]}', 'comment''2é', '2026-03-01 17:47:00.000007+05:45', 'author''2é', '2026-03-01 17:47:00.000007+05:45', 'advice''2é');
INSERT INTO public.rule_standings (workspace, rule, digest, failures, disabled, skipped, seen, looked) VALUES ('workspace''1é', 'rule''1é', 'digest''1é', 1, '2026-03-01 17:46:00.000007+05:45', 1, '[]', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.rule_standings (workspace, rule, digest, failures, disabled, skipped, seen, looked) VALUES ('workspace''2é', 'rule''2é', 'digest''2é', 2, '2026-03-01 17:47:00.000007+05:45', 2, '{"n":2,"é":["\u0000''"]}', '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.rule_switches (workspace, kind, subject, enabled, author, changed) VALUES ('workspace''1é', 'kind''1é', 'subject''1é', true, 'author''1é', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.rule_switches (workspace, kind, subject, enabled, author, changed) VALUES ('workspace''2é', 'kind''2é', 'subject''2é', false, 'author''2é', '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.saved_queries (id, workspace, name, query, owner, author, shared, changed) VALUES ('id''1é', 'workspace''1é', 'name''1é', 'query''1é', 'owner''1é', 'author''1é', true, '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.saved_queries (id, workspace, name, query, owner, author, shared, changed) VALUES ('id''2é', 'workspace''2é', 'name''2é', 'query''2é', 'owner''2é', 'author''2é', false, '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.schema_changes (id, source, workspace, table_name, new, gone) VALUES (1, 'source''1é', 'workspace''1é', 'table_name''1é', '[]', '[]');
INSERT INTO public.schema_changes (id, source, workspace, table_name, new, gone) VALUES (2, 'source''2é', 'workspace''2é', 'table_name''2é', '{"n":2,"é":["\u0000''"]}', '{"n":2,"é":["\u0000''"]}');
INSERT INTO public.secrets (id, principal, kind, hash, label, created, expires, used) VALUES ('id''1é', 'id''1é', 'kind''1é', 'hash''1é', 'label''1é', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.secrets (id, principal, kind, hash, label, created, expires, used) VALUES ('id''2é', 'id''2é', 'kind''2é', 'hash''2é', 'label''2é', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.sign_in_attempts (state, browser, provider, nonce, verifier, redirect, next, begun) VALUES ('state''1é', 'browser''1é', 'provider''1é', 'nonce''1é', 'verifier''1é', 'redirect''1é', 'next''1é', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.sign_in_attempts (state, browser, provider, nonce, verifier, redirect, next, begun) VALUES ('state''2é', 'browser''2é', 'provider''2é', 'nonce''2é', 'verifier''2é', 'redirect''2é', 'next''2é', '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.sign_in_providers (name, title, issuer, client_id, credential, scopes, rules, trust, enabled, created) VALUES ('name''1é', 'title''1é', 'issuer''1é', 'client_id''1é', 'name''1é', '[]', '[]', 'trust''1é', true, '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.sign_in_providers (name, title, issuer, client_id, credential, scopes, rules, trust, enabled, created) VALUES ('name''2é', 'title''2é', 'issuer''2é', 'client_id''2é', 'name''2é', '{"n":2,"é":["\u0000''"]}', '{"n":2,"é":["\u0000''"]}', 'trust''2é', false, '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.source_errors (source, workspace, key, error, since, at) VALUES ('source''1é', 'workspace''1é', 'key''1é', 'error''1é', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.source_errors (source, workspace, key, error, since, at) VALUES ('source''2é', 'workspace''2é', 'key''2é', 'error''2é', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.source_health (source, workspace, table_name, first_seen, last_seen, last_event, rows, bad, size, lag, columns, untimed, left_out) VALUES ('source''1é', 'workspace''1é', 'table_name''1é', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', 1, 1, 1, 1, 'columns''1é', 1, 1);
INSERT INTO public.source_health (source, workspace, table_name, first_seen, last_seen, last_event, rows, bad, size, lag, columns, untimed, left_out) VALUES ('source''2é', 'workspace''2é', 'table_name''2é', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', 2, 2, 2, 2, 'columns''2é', 2, 2);
INSERT INTO public.source_rates (source, workspace, table_name, hour, rows, bad, size, delay, untimed) VALUES ('source''1é', 'workspace''1é', 'table_name''1é', '2026-03-01 17:46:00.000007+05:45', 1, 1, 1, 1.5, 1);
INSERT INTO public.source_rates (source, workspace, table_name, hour, rows, bad, size, delay, untimed) VALUES ('source''2é', 'workspace''2é', 'table_name''2é', '2026-03-01 17:47:00.000007+05:45', 2, 2, 2, 2.5, 2);
INSERT INTO public.sources (name, kind, settings, workspace, credential, enabled, created) VALUES ('hub-1', 'event_hub', '{"topic":"t1"}', 'soc-2', 'name''1é', true, '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.sources (name, kind, settings, workspace, credential, enabled, created) VALUES ('hub-2', 'event_hub', '{"topic":"t2"}', 'soc-2', 'name''2é', false, '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.suppressions (id, workspace, name, rule, conditions, reason, comment, enabled, expires, author, created, changed, advice) VALUES ('id''1é', 'workspace''1é', 'name''1é', 'rule''1é', '[]', 'reason''1é', 'comment''1é', true, '2026-03-01 17:46:00.000007+05:45', 'author''1é', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', 'advice''1é');
INSERT INTO public.suppressions (id, workspace, name, rule, conditions, reason, comment, enabled, expires, author, created, changed, advice) VALUES ('id''2é', 'workspace''2é', 'name''2é', 'rule''2é', '{"n":2,"é":["\u0000''"]}', 'reason''2é', 'comment''2é', false, '2026-03-01 17:47:00.000007+05:45', 'author''2é', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', 'advice''2é');
INSERT INTO public.table_retention (workspace, table_name, days) VALUES ('soc-2', 'table_name''1é', 1);
INSERT INTO public.table_retention (workspace, table_name, days) VALUES ('soc-2', 'table_name''2é', 2);
INSERT INTO public.tenants (name, settings, credential, enabled, hours, created, collected, snapshot, error, error_at, tested) VALUES ('name''1é', '[]', 'name''1é', true, 1.5, '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', 'snapshot''1é', 'error''1é', '2026-03-01 17:46:00.000007+05:45', '[]');
INSERT INTO public.tenants (name, settings, credential, enabled, hours, created, collected, snapshot, error, error_at, tested) VALUES ('name''2é', '{"n":2,"é":["\u0000''"]}', 'name''2é', false, 2.5, '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', 'snapshot''2é', 'error''2é', '2026-03-01 17:47:00.000007+05:45', '{"n":2,"é":["\u0000''"]}');
INSERT INTO public.tuning_changes (number, workspace, moment, author, kind, subject, rule, before, after, advice) VALUES (1, 'workspace''1é', '2026-03-01 17:46:00.000007+05:45', 'author''1é', 'kind''1é', 'subject''1é', 'rule''1é', '[]', '[]', 'advice''1é');
INSERT INTO public.tuning_changes (number, workspace, moment, author, kind, subject, rule, before, after, advice) VALUES (2, 'workspace''2é', '2026-03-01 17:47:00.000007+05:45', 'author''2é', 'kind''2é', 'subject''2é', 'rule''2é', '{"n":2,"é":["\u0000''"]}', '{"n":2,"é":["\u0000''"]}', 'advice''2é');
INSERT INTO public.usage_untold (workspace, table_name, hour, rows, size, timed, delay) VALUES ('workspace''1é', 'table_name''1é', '2026-03-01 17:46:00.000007+05:45', 1, 1, 1, 1.5);
INSERT INTO public.usage_untold (workspace, table_name, hour, rows, size, timed, delay) VALUES ('workspace''2é', 'table_name''2é', '2026-03-01 17:47:00.000007+05:45', 2, 2, 2, 2.5);
INSERT INTO public.watchlist_items (list, id, key, cells, created, changed, expires) VALUES ('list''1é', 'id''1é', 'key''1é', '[]', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.watchlist_items (list, id, key, cells, created, changed, expires) VALUES ('list''2é', 'id''2é', 'key''2é', '{"n":2,"é":["\u0000''"]}', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45', '2026-03-01 17:47:00.000007+05:45');
INSERT INTO public.watchlists (workspace, folded, alias, id, name, description, provider, source, search_key, columns, days, created, created_by, changed, changed_by, version, published, told, holding) VALUES ('workspace''1é', 'folded''1é', 'alias''1é', 'id''1é', 'name''1é', 'description''1é', 'provider''1é', 'source''1é', 'search_key''1é', '[]', 1, '2026-03-01 17:46:00.000007+05:45', 'created_by''1é', '2026-03-01 17:46:00.000007+05:45', 'changed_by''1é', 1, 1, '2026-03-01 17:46:00.000007+05:45', 'holding''1é');
INSERT INTO public.watchlists (workspace, folded, alias, id, name, description, provider, source, search_key, columns, days, created, created_by, changed, changed_by, version, published, told, holding) VALUES ('workspace''2é', 'folded''2é', 'alias''2é', 'id''2é', 'name''2é', 'description''2é', 'provider''2é', 'source''2é', 'search_key''2é', '{"n":2,"é":["\u0000''"]}', 2, '2026-03-01 17:47:00.000007+05:45', 'created_by''2é', '2026-03-01 17:47:00.000007+05:45', 'changed_by''2é', 2, 2, '2026-03-01 17:47:00.000007+05:45', 'holding''2é');
INSERT INTO public.workspaces (name, id, description, days, members, subscriptions, created) VALUES ('default', '5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e90', '', 90, NULL, NULL, '2026-03-01 17:45:00+05:45');
INSERT INTO public.workspaces (name, id, description, days, members, subscriptions, created) VALUES ('soc-1', 'id''1é', 'description''1é', 1, '[]', '[]', '2026-03-01 17:46:00.000007+05:45');
INSERT INTO public.workspaces (name, id, description, days, members, subscriptions, created) VALUES ('soc-2', 'id''2é', 'description''2é', 2, '{"n":2,"é":["\u0000''"]}', '{"n":2,"é":["\u0000''"]}', '2026-03-01 17:47:00.000007+05:45');
SELECT pg_catalog.setval('public.incident_actions_id_seq', 1, false);
SELECT pg_catalog.setval('public.incident_notes_id_seq', 1, false);
SELECT pg_catalog.setval('public.incidents_number_seq', 1, false);
SELECT pg_catalog.setval('public.outbox_id_seq', 1, false);
SELECT pg_catalog.setval('public.response_events_id_seq', 1, false);
SELECT pg_catalog.setval('public.schema_changes_id_seq', 1, false);
SELECT pg_catalog.setval('public.tuning_changes_number_seq', 1, false);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.alerts
    ADD CONSTRAINT pk_alerts PRIMARY KEY (id);
ALTER TABLE ONLY public.arm_documents
    ADD CONSTRAINT pk_arm_documents PRIMARY KEY (key);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT pk_audit PRIMARY KEY (number);
ALTER TABLE ONLY public.bookmarks
    ADD CONSTRAINT pk_bookmarks PRIMARY KEY (id);
ALTER TABLE ONLY public.checkpoints
    ADD CONSTRAINT pk_checkpoints PRIMARY KEY (source, key);
ALTER TABLE ONLY public.counted_segments
    ADD CONSTRAINT pk_counted_segments PRIMARY KEY (segment);
ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT pk_credentials PRIMARY KEY (name);
ALTER TABLE ONLY public.hunting_runs
    ADD CONSTRAINT pk_hunting_runs PRIMARY KEY (workspace, query);
ALTER TABLE ONLY public.incident_actions
    ADD CONSTRAINT pk_incident_actions PRIMARY KEY (id);
ALTER TABLE ONLY public.incident_keys
    ADD CONSTRAINT pk_incident_keys PRIMARY KEY (incident, key);
ALTER TABLE ONLY public.incident_notes
    ADD CONSTRAINT pk_incident_notes PRIMARY KEY (id);
ALTER TABLE ONLY public.incidents
    ADD CONSTRAINT pk_incidents PRIMARY KEY (number);
ALTER TABLE ONLY public.ingested_files
    ADD CONSTRAINT pk_ingested_files PRIMARY KEY (workspace, identity);
ALTER TABLE ONLY public.intel
    ADD CONSTRAINT pk_intel PRIMARY KEY (workspace, id);
ALTER TABLE ONLY public.learned
    ADD CONSTRAINT pk_learned PRIMARY KEY (workspace, rule, key);
ALTER TABLE ONLY public.leases
    ADD CONSTRAINT pk_leases PRIMARY KEY (name);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (id);
ALTER TABLE ONLY public.outbox_batch
    ADD CONSTRAINT pk_outbox_batch PRIMARY KEY (id);
ALTER TABLE ONLY public.own_facts
    ADD CONSTRAINT pk_own_facts PRIMARY KEY (subject, type);
ALTER TABLE ONLY public.principals
    ADD CONSTRAINT pk_principals PRIMARY KEY (id);
ALTER TABLE ONLY public.producers
    ADD CONSTRAINT pk_producers PRIMARY KEY (id);
ALTER TABLE ONLY public.repeated_loads
    ADD CONSTRAINT pk_repeated_loads PRIMARY KEY (workspace, request);
ALTER TABLE ONLY public.response_events
    ADD CONSTRAINT pk_response_events PRIMARY KEY (id);
ALTER TABLE ONLY public.response_facts
    ADD CONSTRAINT pk_response_facts PRIMARY KEY (workspace, subject);
ALTER TABLE ONLY public.response_runs
    ADD CONSTRAINT pk_response_runs PRIMARY KEY (id);
ALTER TABLE ONLY public.role_assignments
    ADD CONSTRAINT pk_role_assignments PRIMARY KEY (id);
ALTER TABLE ONLY public.rule_runs
    ADD CONSTRAINT pk_rule_runs PRIMARY KEY (workspace, rule, until);
ALTER TABLE ONLY public.rule_settings
    ADD CONSTRAINT pk_rule_settings PRIMARY KEY (workspace, rule, setting);
ALTER TABLE ONLY public.rule_standings
    ADD CONSTRAINT pk_rule_standings PRIMARY KEY (workspace, rule);
ALTER TABLE ONLY public.rule_switches
    ADD CONSTRAINT pk_rule_switches PRIMARY KEY (workspace, kind, subject);
ALTER TABLE ONLY public.saved_queries
    ADD CONSTRAINT pk_saved_queries PRIMARY KEY (id);
ALTER TABLE ONLY public.schema_changes
    ADD CONSTRAINT pk_schema_changes PRIMARY KEY (id);
ALTER TABLE ONLY public.secrets
    ADD CONSTRAINT pk_secrets PRIMARY KEY (id);
ALTER TABLE ONLY public.sign_in_attempts
    ADD CONSTRAINT pk_sign_in_attempts PRIMARY KEY (state);
ALTER TABLE ONLY public.sign_in_providers
    ADD CONSTRAINT pk_sign_in_providers PRIMARY KEY (name);
ALTER TABLE ONLY public.source_errors
    ADD CONSTRAINT pk_source_errors PRIMARY KEY (source, workspace, key);
ALTER TABLE ONLY public.source_health
    ADD CONSTRAINT pk_source_health PRIMARY KEY (source, workspace, table_name);
ALTER TABLE ONLY public.source_rates
    ADD CONSTRAINT pk_source_rates PRIMARY KEY (source, workspace, table_name, hour);
ALTER TABLE ONLY public.sources
    ADD CONSTRAINT pk_sources PRIMARY KEY (name);
ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT pk_suppressions PRIMARY KEY (id);
ALTER TABLE ONLY public.table_retention
    ADD CONSTRAINT pk_table_retention PRIMARY KEY (workspace, table_name);
ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT pk_tenants PRIMARY KEY (name);
ALTER TABLE ONLY public.tuning_changes
    ADD CONSTRAINT pk_tuning_changes PRIMARY KEY (number);
ALTER TABLE ONLY public.usage_untold
    ADD CONSTRAINT pk_usage_untold PRIMARY KEY (workspace, table_name, hour);
ALTER TABLE ONLY public.watchlist_items
    ADD CONSTRAINT pk_watchlist_items PRIMARY KEY (list, id);
ALTER TABLE ONLY public.watchlists
    ADD CONSTRAINT pk_watchlists PRIMARY KEY (workspace, folded);
ALTER TABLE ONLY public.workspaces
    ADD CONSTRAINT pk_workspaces PRIMARY KEY (name);
ALTER TABLE ONLY public.incidents
    ADD CONSTRAINT uq_incidents_id UNIQUE (id);
ALTER TABLE ONLY public.principals
    ADD CONSTRAINT uq_principals_kind UNIQUE (kind, name);
ALTER TABLE ONLY public.role_assignments
    ADD CONSTRAINT uq_role_assignments_principal UNIQUE (principal, role, scope);
ALTER TABLE ONLY public.secrets
    ADD CONSTRAINT uq_secrets_hash UNIQUE (hash);
ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT uq_suppressions_name UNIQUE (workspace, name);
ALTER TABLE ONLY public.workspaces
    ADD CONSTRAINT uq_workspaces_id UNIQUE (id);
CREATE INDEX ix_alerts_incident ON public.alerts USING btree (incident);
CREATE INDEX ix_alerts_rule ON public.alerts USING btree (workspace, rule, raised);
CREATE INDEX ix_alerts_subject ON public.alerts USING btree (workspace, rule, subject, raised);
CREATE INDEX ix_arm_documents_type ON public.arm_documents USING btree (type, key);
CREATE INDEX ix_bookmarks_incident ON public.bookmarks USING btree (incident);
CREATE INDEX ix_bookmarks_workspace ON public.bookmarks USING btree (workspace, created);
CREATE INDEX ix_incident_actions_incident ON public.incident_actions USING btree (incident);
CREATE INDEX ix_incident_keys_key ON public.incident_keys USING btree (key);
CREATE INDEX ix_incidents_last_activity ON public.incidents USING btree (workspace, last_activity);
CREATE INDEX ix_ingested_files_started ON public.ingested_files USING btree (workspace, started);
CREATE INDEX ix_intel_published ON public.intel USING btree (workspace, active, published);
CREATE INDEX ix_intel_stix ON public.intel USING btree (workspace, stix);
CREATE INDEX ix_outbox_batch ON public.outbox USING btree (batch);
CREATE INDEX ix_own_facts_subscription ON public.own_facts USING btree (subscription, subject, type);
CREATE INDEX ix_principals_subject ON public.principals USING btree (subject);
CREATE INDEX ix_response_runs_due ON public.response_runs USING btree (workspace, status, due);
CREATE INDEX ix_rule_runs_fault ON public.rule_runs USING btree (workspace, fault, rule);
CREATE INDEX ix_saved_queries_workspace ON public.saved_queries USING btree (workspace, shared, owner);
CREATE INDEX ix_secrets_principal ON public.secrets USING btree (principal);
CREATE INDEX ix_sign_in_attempts_begun ON public.sign_in_attempts USING btree (begun);
CREATE INDEX ix_tuning_changes_advice ON public.tuning_changes USING btree (workspace, advice);
CREATE INDEX ix_watchlist_items_expires ON public.watchlist_items USING btree (expires);
CREATE INDEX ix_watchlist_items_key ON public.watchlist_items USING btree (list, key);
ALTER TABLE ONLY public.alerts
    ADD CONSTRAINT fk_alerts_incident FOREIGN KEY (incident) REFERENCES public.incidents(number);
ALTER TABLE ONLY public.bookmarks
    ADD CONSTRAINT fk_bookmarks_incident FOREIGN KEY (incident) REFERENCES public.incidents(number);
ALTER TABLE ONLY public.incident_actions
    ADD CONSTRAINT fk_incident_actions_incident FOREIGN KEY (incident) REFERENCES public.incidents(number);
ALTER TABLE ONLY public.incident_keys
    ADD CONSTRAINT fk_incident_keys_incident FOREIGN KEY (incident) REFERENCES public.incidents(number);
ALTER TABLE ONLY public.incident_notes
    ADD CONSTRAINT fk_incident_notes_incident FOREIGN KEY (incident) REFERENCES public.incidents(number);
ALTER TABLE ONLY public.role_assignments
    ADD CONSTRAINT fk_role_assignments_principal FOREIGN KEY (principal) REFERENCES public.principals(id);
ALTER TABLE ONLY public.secrets
    ADD CONSTRAINT fk_secrets_principal FOREIGN KEY (principal) REFERENCES public.principals(id);
ALTER TABLE ONLY public.sign_in_providers
    ADD CONSTRAINT fk_sign_in_providers_credential FOREIGN KEY (credential) REFERENCES public.credentials(name);
ALTER TABLE ONLY public.sources
    ADD CONSTRAINT fk_sources_credential FOREIGN KEY (credential) REFERENCES public.credentials(name);
ALTER TABLE ONLY public.sources
    ADD CONSTRAINT fk_sources_workspace FOREIGN KEY (workspace) REFERENCES public.workspaces(name);
ALTER TABLE ONLY public.table_retention
    ADD CONSTRAINT fk_table_retention_workspace FOREIGN KEY (workspace) REFERENCES public.workspaces(name) ON DELETE CASCADE;
ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT fk_tenants_credential FOREIGN KEY (credential) REFERENCES public.credentials(name);

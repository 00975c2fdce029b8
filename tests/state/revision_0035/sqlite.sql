BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0035');
CREATE TABLE alerts (
	id TEXT NOT NULL,
	workspace TEXT NOT NULL,
	rule TEXT NOT NULL,
	status TEXT NOT NULL,
	severity TEXT NOT NULL,
	started DATETIME NOT NULL,
	ended DATETIME NOT NULL,
	raised DATETIME NOT NULL,
	changed DATETIME NOT NULL,
	incident BIGINT,
	document TEXT NOT NULL, held_by TEXT DEFAULT '' NOT NULL, subject TEXT DEFAULT '' NOT NULL, group_key TEXT DEFAULT '' NOT NULL, traits TEXT DEFAULT '{}' NOT NULL,
	CONSTRAINT pk_alerts PRIMARY KEY (id),
	CONSTRAINT fk_alerts_incident FOREIGN KEY(incident) REFERENCES incidents (number)
);
INSERT INTO "alerts" VALUES('id''1é','workspace''1é','rule''1é','status''1é','severity''1é','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007',1,'[]','held_by''1é','subject''1é','group_key''1é','[]');
INSERT INTO "alerts" VALUES('id''2é','workspace''2é','rule''2é','status''2é','severity''2é','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007',2,'{"n":2,"é":["\u0000''"]}','held_by''2é','subject''2é','group_key''2é','{"n":2,"é":["\u0000''"]}');
CREATE TABLE arm_documents (
	"key" TEXT NOT NULL,
	type TEXT NOT NULL,
	body TEXT NOT NULL,
	author TEXT NOT NULL,
	created DATETIME NOT NULL,
	changed DATETIME NOT NULL,
	CONSTRAINT pk_arm_documents PRIMARY KEY ("key")
);
INSERT INTO "arm_documents" VALUES('key''1é','type''1é','[]','author''1é','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007');
INSERT INTO "arm_documents" VALUES('key''2é','type''2é','{"n":2,"é":["\u0000''"]}','author''2é','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007');
CREATE TABLE audit (
	number BIGINT NOT NULL,
	moment DATETIME NOT NULL,
	author TEXT NOT NULL,
	operation TEXT NOT NULL,
	target TEXT NOT NULL,
	outcome TEXT NOT NULL,
	address TEXT NOT NULL,
	detail TEXT NOT NULL,
	hash TEXT NOT NULL,
	CONSTRAINT pk_audit PRIMARY KEY (number)
);
INSERT INTO "audit" VALUES(1,'2026-03-01 12:01:00.000007','author''1é','operation''1é','target''1é','outcome''1é','address''1é','[]','hash''1é');
INSERT INTO "audit" VALUES(2,'2026-03-01 12:02:00.000007','author''2é','operation''2é','target''2é','outcome''2é','address''2é','{"n":2,"é":["\u0000''"]}','hash''2é');
CREATE TABLE bookmarks (
	id TEXT NOT NULL,
	workspace TEXT NOT NULL,
	name TEXT NOT NULL,
	"query" TEXT NOT NULL,
	query_name TEXT NOT NULL,
	since DATETIME NOT NULL,
	until DATETIME NOT NULL,
	event_time DATETIME NOT NULL,
	"row" TEXT NOT NULL,
	entities TEXT NOT NULL,
	keys TEXT NOT NULL,
	tactics TEXT NOT NULL,
	techniques TEXT NOT NULL,
	tags TEXT NOT NULL,
	notes TEXT NOT NULL,
	author TEXT NOT NULL,
	changed_by TEXT NOT NULL,
	created DATETIME NOT NULL,
	changed DATETIME NOT NULL,
	deleted BOOLEAN NOT NULL,
	incident BIGINT,
	CONSTRAINT pk_bookmarks PRIMARY KEY (id),
	CONSTRAINT fk_bookmarks_incident FOREIGN KEY(incident) REFERENCES incidents (number)
);
INSERT INTO "bookmarks" VALUES('id''1é','workspace''1é','name''1é','query''1é','query_name''1é','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','[]','[]','[]','[]','[]','[]','notes''1é','author''1é','changed_by''1é','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007',1,1);
INSERT INTO "bookmarks" VALUES('id''2é','workspace''2é','name''2é','query''2é','query_name''2é','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','{"n":2,"é":["\u0000''"]}','{"n":2,"é":["\u0000''"]}','{"n":2,"é":["\u0000''"]}','{"n":2,"é":["\u0000''"]}','{"n":2,"é":["\u0000''"]}','{"n":2,"é":["\u0000''"]}','notes''2é','author''2é','changed_by''2é','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007',0,2);
CREATE TABLE checkpoints (
	source TEXT NOT NULL,
	"key" TEXT NOT NULL,
	value TEXT NOT NULL,
	changed DATETIME NOT NULL,
	CONSTRAINT pk_checkpoints PRIMARY KEY (source, "key")
);
INSERT INTO "checkpoints" VALUES('source''1é','key''1é','[]','2026-03-01 12:01:00.000007');
INSERT INTO "checkpoints" VALUES('source''2é','key''2é','{"n":2,"é":["\u0000''"]}','2026-03-01 12:02:00.000007');
CREATE TABLE counted_segments (
	segment TEXT NOT NULL,
	CONSTRAINT pk_counted_segments PRIMARY KEY (segment)
);
INSERT INTO "counted_segments" VALUES('segment''1é');
INSERT INTO "counted_segments" VALUES('segment''2é');
CREATE TABLE credentials (
	name TEXT NOT NULL,
	key_id TEXT NOT NULL,
	nonce BLOB NOT NULL,
	sealed BLOB NOT NULL,
	changed DATETIME NOT NULL,
	CONSTRAINT pk_credentials PRIMARY KEY (name)
);
INSERT INTO "credentials" VALUES('name''1é','key_id''1é',X'0100FF27',X'0100FF27','2026-03-01 12:01:00.000007');
INSERT INTO "credentials" VALUES('name''2é','key_id''2é',X'0200FF27',X'0200FF27','2026-03-01 12:02:00.000007');
CREATE TABLE hunting_runs (
	workspace TEXT NOT NULL,
	"query" TEXT NOT NULL,
	since DATETIME NOT NULL,
	until DATETIME NOT NULL,
	finished DATETIME NOT NULL,
	hits BIGINT NOT NULL,
	seconds FLOAT NOT NULL,
	error TEXT NOT NULL,
	CONSTRAINT pk_hunting_runs PRIMARY KEY (workspace, "query")
);
INSERT INTO "hunting_runs" VALUES('workspace''1é','query''1é','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007',1,1.5,'error''1é');
INSERT INTO "hunting_runs" VALUES('workspace''2é','query''2é','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007',2,2.5,'error''2é');
CREATE TABLE incident_actions (
	id INTEGER NOT NULL,
	incident BIGINT NOT NULL,
	moment DATETIME NOT NULL,
	author TEXT NOT NULL,
	text TEXT NOT NULL,
	CONSTRAINT pk_incident_actions PRIMARY KEY (id),
	CONSTRAINT fk_incident_actions_incident FOREIGN KEY(incident) REFERENCES incidents (number)
);
INSERT INTO "incident_actions" VALUES(1,1,'2026-03-01 12:01:00.000007','author''1é','text''1é');
INSERT INTO "incident_actions" VALUES(2,2,'2026-03-01 12:02:00.000007','author''2é','text''2é');
CREATE TABLE incident_keys (
	incident BIGINT NOT NULL,
	"key" TEXT NOT NULL,
	CONSTRAINT pk_incident_keys PRIMARY KEY (incident, "key"),
	CONSTRAINT fk_incident_keys_incident FOREIGN KEY(incident) REFERENCES incidents (number)
);
INSERT INTO "incident_keys" VALUES(1,'key''1é');
INSERT INTO "incident_keys" VALUES(2,'key''2é');
CREATE TABLE incident_notes (
	id INTEGER NOT NULL,
	incident BIGINT NOT NULL,
	kind TEXT NOT NULL,
	author TEXT NOT NULL,
	text TEXT NOT NULL,
	done BOOLEAN NOT NULL,
	written DATETIME NOT NULL, name TEXT DEFAULT '' NOT NULL, changed DATETIME,
	CONSTRAINT pk_incident_notes PRIMARY KEY (id),
	CONSTRAINT fk_incident_notes_incident FOREIGN KEY(incident) REFERENCES incidents (number)
);
INSERT INTO "incident_notes" VALUES(1,1,'kind''1é','author''1é','text''1é',1,'2026-03-01 12:01:00.000007','name''1é','2026-03-01 12:01:00.000007');
INSERT INTO "incident_notes" VALUES(2,2,'kind''2é','author''2é','text''2é',0,'2026-03-01 12:02:00.000007','name''2é','2026-03-01 12:02:00.000007');
CREATE TABLE incidents (
	number INTEGER NOT NULL,
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
	first_activity DATETIME NOT NULL,
	last_activity DATETIME NOT NULL,
	created DATETIME NOT NULL,
	changed DATETIME NOT NULL,
	closed DATETIME,
	merged_into BIGINT,
	told DATETIME, acknowledged DATETIME, first_modified DATETIME, severity_set BOOLEAN DEFAULT 0 NOT NULL, title_set BOOLEAN DEFAULT 0 NOT NULL, owner_told TEXT DEFAULT '{}' NOT NULL,
	CONSTRAINT pk_incidents PRIMARY KEY (number),
	CONSTRAINT uq_incidents_id UNIQUE (id)
);
INSERT INTO "incidents" VALUES(1,'id''1é','workspace''1é','title''1é','description''1é','severity''1é','status''1é','owner''1é','classification''1é','reason''1é','[]','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007',1,'2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007',1,1,'[]');
INSERT INTO "incidents" VALUES(2,'id''2é','workspace''2é','title''2é','description''2é','severity''2é','status''2é','owner''2é','classification''2é','reason''2é','{"n":2,"é":["\u0000''"]}','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007',2,'2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007',0,0,'{"n":2,"é":["\u0000''"]}');
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
	started DATETIME NOT NULL,
	finished DATETIME, sure BIGINT, lines BOOLEAN, closing TEXT, head TEXT, marks TEXT,
	CONSTRAINT pk_ingested_files PRIMARY KEY (workspace, identity)
);
INSERT INTO "ingested_files" VALUES('workspace''1é','identity''1é','name''1é','format''1é',1,1,1,1,1,'2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007',1,1,'closing''1é','head''1é','marks''1é');
INSERT INTO "ingested_files" VALUES('workspace''2é','identity''2é','name''2é','format''2é',2,2,2,2,2,'2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007',2,0,'closing''2é','head''2é','marks''2é');
CREATE TABLE intel (
	workspace TEXT NOT NULL,
	id TEXT NOT NULL,
	kind TEXT NOT NULL,
	source TEXT NOT NULL,
	modified DATETIME NOT NULL,
	digest TEXT NOT NULL,
	"values" TEXT NOT NULL,
	observables TEXT NOT NULL,
	document TEXT NOT NULL,
	confidence INTEGER,
	valid_until DATETIME,
	revoked BOOLEAN NOT NULL,
	withdrawn TEXT NOT NULL,
	active BOOLEAN NOT NULL,
	published DATETIME NOT NULL, stix TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_intel PRIMARY KEY (workspace, id)
);
INSERT INTO "intel" VALUES('workspace''1é','id''1é','kind''1é','source''1é','2026-03-01 12:01:00.000007','digest''1é','values''1é','[]','[]',1,'2026-03-01 12:01:00.000007',1,'withdrawn''1é',1,'2026-03-01 12:01:00.000007','stix''1é');
INSERT INTO "intel" VALUES('workspace''2é','id''2é','kind''2é','source''2é','2026-03-01 12:02:00.000007','digest''2é','values''2é','{"n":2,"é":["\u0000''"]}','{"n":2,"é":["\u0000''"]}',2,'2026-03-01 12:02:00.000007',0,'withdrawn''2é',0,'2026-03-01 12:02:00.000007','stix''2é');
CREATE TABLE learned (
	workspace TEXT NOT NULL,
	rule TEXT NOT NULL,
	"key" TEXT NOT NULL,
	first DATETIME NOT NULL,
	last DATETIME NOT NULL,
	CONSTRAINT pk_learned PRIMARY KEY (workspace, rule, "key")
);
INSERT INTO "learned" VALUES('workspace''1é','rule''1é','key''1é','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007');
INSERT INTO "learned" VALUES('workspace''2é','rule''2é','key''2é','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007');
CREATE TABLE leases (
	name TEXT NOT NULL,
	holder TEXT NOT NULL,
	fence BIGINT NOT NULL,
	until DATETIME NOT NULL,
	CONSTRAINT pk_leases PRIMARY KEY (name)
);
INSERT INTO "leases" VALUES('name''1é','holder''1é',1,'2026-03-01 12:01:00.000007');
INSERT INTO "leases" VALUES('name''2é','holder''2é',2,'2026-03-01 12:02:00.000007');
CREATE TABLE outbox (
	id INTEGER NOT NULL,
	batch BIGINT,
	workspace TEXT NOT NULL,
	table_name TEXT NOT NULL,
	"row" TEXT NOT NULL,
	added DATETIME NOT NULL,
	CONSTRAINT pk_outbox PRIMARY KEY (id)
);
INSERT INTO "outbox" VALUES(1,1,'workspace''1é','table_name''1é','[]','2026-03-01 12:01:00.000007');
INSERT INTO "outbox" VALUES(2,2,'workspace''2é','table_name''2é','{"n":2,"é":["\u0000''"]}','2026-03-01 12:02:00.000007');
CREATE TABLE outbox_batch (
	id BIGINT NOT NULL,
	last BIGINT NOT NULL,
	CONSTRAINT pk_outbox_batch PRIMARY KEY (id)
);
INSERT INTO "outbox_batch" VALUES(1,1);
INSERT INTO "outbox_batch" VALUES(2,2);
CREATE TABLE own_facts (
	subject TEXT NOT NULL,
	type TEXT NOT NULL,
	subscription TEXT NOT NULL,
	tenant TEXT NOT NULL,
	read_at DATETIME NOT NULL,
	documents BLOB NOT NULL,
	count INTEGER NOT NULL,
	digest TEXT NOT NULL,
	author TEXT NOT NULL,
	changed DATETIME NOT NULL,
	CONSTRAINT pk_own_facts PRIMARY KEY (subject, type)
);
INSERT INTO "own_facts" VALUES('subject''1é','type''1é','subscription''1é','tenant''1é','2026-03-01 12:01:00.000007',X'0100FF27',1,'digest''1é','author''1é','2026-03-01 12:01:00.000007');
INSERT INTO "own_facts" VALUES('subject''2é','type''2é','subscription''2é','tenant''2é','2026-03-01 12:02:00.000007',X'0200FF27',2,'digest''2é','author''2é','2026-03-01 12:02:00.000007');
CREATE TABLE principals (
	id TEXT NOT NULL,
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	subject TEXT NOT NULL,
	disabled BOOLEAN NOT NULL,
	created DATETIME NOT NULL,
	seen DATETIME, binding TEXT,
	CONSTRAINT pk_principals PRIMARY KEY (id),
	CONSTRAINT uq_principals_kind UNIQUE (kind, name)
);
INSERT INTO "principals" VALUES('id''1é','kind''1é','name''1é','subject''1é',1,'2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','[]');
INSERT INTO "principals" VALUES('id''2é','kind''2é','name''2é','subject''2é',0,'2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','{"n":2,"é":["\u0000''"]}');
CREATE TABLE producers (
	id TEXT NOT NULL,
	sequence BIGINT NOT NULL,
	changed DATETIME NOT NULL,
	CONSTRAINT pk_producers PRIMARY KEY (id)
);
INSERT INTO "producers" VALUES('id''1é',1,'2026-03-01 12:01:00.000007');
INSERT INTO "producers" VALUES('id''2é',2,'2026-03-01 12:02:00.000007');
CREATE TABLE repeated_loads (
	workspace TEXT NOT NULL,
	request TEXT NOT NULL,
	run TEXT NOT NULL,
	started DATETIME NOT NULL,
	CONSTRAINT pk_repeated_loads PRIMARY KEY (workspace, request)
);
INSERT INTO "repeated_loads" VALUES('workspace''1é','request''1é','run''1é','2026-03-01 12:01:00.000007');
INSERT INTO "repeated_loads" VALUES('workspace''2é','request''2é','run''2é','2026-03-01 12:02:00.000007');
CREATE TABLE response_events (
	id INTEGER NOT NULL,
	workspace TEXT NOT NULL,
	kind TEXT NOT NULL,
	subject TEXT NOT NULL,
	document TEXT NOT NULL,
	happened DATETIME NOT NULL,
	CONSTRAINT pk_response_events PRIMARY KEY (id)
);
INSERT INTO "response_events" VALUES(1,'workspace''1é','kind''1é','subject''1é','[]','2026-03-01 12:01:00.000007');
INSERT INTO "response_events" VALUES(2,'workspace''2é','kind''2é','subject''2é','{"n":2,"é":["\u0000''"]}','2026-03-01 12:02:00.000007');
CREATE TABLE response_facts (
	workspace TEXT NOT NULL,
	subject TEXT NOT NULL,
	facts TEXT NOT NULL,
	CONSTRAINT pk_response_facts PRIMARY KEY (workspace, subject)
);
INSERT INTO "response_facts" VALUES('workspace''1é','subject''1é','[]');
INSERT INTO "response_facts" VALUES('workspace''2é','subject''2é','{"n":2,"é":["\u0000''"]}');
CREATE TABLE response_runs (
	id TEXT NOT NULL,
	workspace TEXT NOT NULL,
	rule TEXT NOT NULL,
	action TEXT NOT NULL,
	kind TEXT NOT NULL,
	subject TEXT NOT NULL,
	status TEXT NOT NULL,
	detail TEXT NOT NULL,
	"by" TEXT NOT NULL,
	settings TEXT NOT NULL,
	document TEXT NOT NULL,
	attempts INTEGER NOT NULL,
	due DATETIME NOT NULL,
	until DATETIME,
	"plan" TEXT,
	created DATETIME NOT NULL,
	changed DATETIME NOT NULL, step TEXT DEFAULT 'do' NOT NULL, begun INTEGER DEFAULT '0' NOT NULL, cut_off INTEGER DEFAULT '0' NOT NULL,
	CONSTRAINT pk_response_runs PRIMARY KEY (id)
);
INSERT INTO "response_runs" VALUES('id''1é','workspace''1é','rule''1é','action''1é','kind''1é','subject''1é','status''1é','detail''1é','by''1é','[]','[]',1,'2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','[]','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','step''1é',1,1);
INSERT INTO "response_runs" VALUES('id''2é','workspace''2é','rule''2é','action''2é','kind''2é','subject''2é','status''2é','detail''2é','by''2é','{"n":2,"é":["\u0000''"]}','{"n":2,"é":["\u0000''"]}',2,'2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','{"n":2,"é":["\u0000''"]}','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','step''2é',2,2);
CREATE TABLE role_assignments (
	id TEXT NOT NULL,
	principal TEXT NOT NULL,
	role TEXT NOT NULL,
	scope TEXT NOT NULL,
	author TEXT NOT NULL,
	created DATETIME NOT NULL,
	CONSTRAINT pk_role_assignments PRIMARY KEY (id),
	CONSTRAINT fk_role_assignments_principal FOREIGN KEY(principal) REFERENCES principals (id),
	CONSTRAINT uq_role_assignments_principal UNIQUE (principal, role, scope)
);
INSERT INTO "role_assignments" VALUES('id''1é','id''1é','role''1é','scope''1é','author''1é','2026-03-01 12:01:00.000007');
INSERT INTO "role_assignments" VALUES('id''2é','id''2é','role''2é','scope''2é','author''2é','2026-03-01 12:02:00.000007');
CREATE TABLE rule_runs (
	workspace TEXT NOT NULL,
	rule TEXT NOT NULL,
	until DATETIME NOT NULL,
	finished DATETIME NOT NULL,
	rows BIGINT NOT NULL,
	alerts BIGINT NOT NULL,
	seconds FLOAT NOT NULL,
	error TEXT NOT NULL,
	fault BOOLEAN NOT NULL, tries BIGINT DEFAULT '1' NOT NULL,
	CONSTRAINT pk_rule_runs PRIMARY KEY (workspace, rule, until)
);
INSERT INTO "rule_runs" VALUES('workspace''1é','rule''1é','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007',1,1,1.5,'error''1é',1,1);
INSERT INTO "rule_runs" VALUES('workspace''2é','rule''2é','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007',2,2,2.5,'error''2é',0,2);
CREATE TABLE rule_settings (
	workspace TEXT NOT NULL,
	rule TEXT NOT NULL,
	setting TEXT NOT NULL,
	value TEXT NOT NULL,
	comment TEXT NOT NULL,
	expires DATETIME,
	author TEXT NOT NULL,
	changed DATETIME NOT NULL,
	advice TEXT NOT NULL,
	CONSTRAINT pk_rule_settings PRIMARY KEY (workspace, rule, setting)
);
INSERT INTO "rule_settings" VALUES('workspace''1é','rule''1é','setting''1é','[]','comment''1é','2026-03-01 12:01:00.000007','author''1é','2026-03-01 12:01:00.000007','advice''1é');
INSERT INTO "rule_settings" VALUES('workspace''2é','rule''2é','setting''2é','{"n":2,"é":["\u0000''"]}','comment''2é','2026-03-01 12:02:00.000007','author''2é','2026-03-01 12:02:00.000007','advice''2é');
CREATE TABLE rule_standings (
	workspace TEXT NOT NULL,
	rule TEXT NOT NULL,
	digest TEXT NOT NULL,
	failures BIGINT NOT NULL,
	disabled DATETIME,
	skipped BIGINT NOT NULL,
	seen TEXT NOT NULL,
	looked DATETIME,
	CONSTRAINT pk_rule_standings PRIMARY KEY (workspace, rule)
);
INSERT INTO "rule_standings" VALUES('workspace''1é','rule''1é','digest''1é',1,'2026-03-01 12:01:00.000007',1,'[]','2026-03-01 12:01:00.000007');
INSERT INTO "rule_standings" VALUES('workspace''2é','rule''2é','digest''2é',2,'2026-03-01 12:02:00.000007',2,'{"n":2,"é":["\u0000''"]}','2026-03-01 12:02:00.000007');
CREATE TABLE rule_switches (
	workspace TEXT NOT NULL,
	kind TEXT NOT NULL,
	subject TEXT NOT NULL,
	enabled BOOLEAN NOT NULL,
	author TEXT NOT NULL,
	changed DATETIME NOT NULL,
	CONSTRAINT pk_rule_switches PRIMARY KEY (workspace, kind, subject)
);
INSERT INTO "rule_switches" VALUES('workspace''1é','kind''1é','subject''1é',1,'author''1é','2026-03-01 12:01:00.000007');
INSERT INTO "rule_switches" VALUES('workspace''2é','kind''2é','subject''2é',0,'author''2é','2026-03-01 12:02:00.000007');
CREATE TABLE saved_queries (
	id TEXT NOT NULL,
	workspace TEXT NOT NULL,
	name TEXT NOT NULL,
	"query" TEXT NOT NULL,
	owner TEXT NOT NULL,
	author TEXT NOT NULL,
	shared BOOLEAN NOT NULL,
	changed DATETIME NOT NULL,
	CONSTRAINT pk_saved_queries PRIMARY KEY (id)
);
INSERT INTO "saved_queries" VALUES('id''1é','workspace''1é','name''1é','query''1é','owner''1é','author''1é',1,'2026-03-01 12:01:00.000007');
INSERT INTO "saved_queries" VALUES('id''2é','workspace''2é','name''2é','query''2é','owner''2é','author''2é',0,'2026-03-01 12:02:00.000007');
CREATE TABLE schema_changes (
	id INTEGER NOT NULL,
	source TEXT NOT NULL,
	workspace TEXT NOT NULL,
	table_name TEXT NOT NULL,
	new TEXT NOT NULL,
	gone TEXT NOT NULL,
	CONSTRAINT pk_schema_changes PRIMARY KEY (id)
);
INSERT INTO "schema_changes" VALUES(1,'source''1é','workspace''1é','table_name''1é','[]','[]');
INSERT INTO "schema_changes" VALUES(2,'source''2é','workspace''2é','table_name''2é','{"n":2,"é":["\u0000''"]}','{"n":2,"é":["\u0000''"]}');
CREATE TABLE secrets (
	id TEXT NOT NULL,
	principal TEXT NOT NULL,
	kind TEXT NOT NULL,
	hash TEXT NOT NULL,
	label TEXT NOT NULL,
	created DATETIME NOT NULL,
	expires DATETIME,
	used DATETIME,
	CONSTRAINT pk_secrets PRIMARY KEY (id),
	CONSTRAINT fk_secrets_principal FOREIGN KEY(principal) REFERENCES principals (id),
	CONSTRAINT uq_secrets_hash UNIQUE (hash)
);
INSERT INTO "secrets" VALUES('id''1é','id''1é','kind''1é','hash''1é','label''1é','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007');
INSERT INTO "secrets" VALUES('id''2é','id''2é','kind''2é','hash''2é','label''2é','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007');
CREATE TABLE sign_in_attempts (
	state TEXT NOT NULL,
	browser TEXT NOT NULL,
	provider TEXT NOT NULL,
	nonce TEXT NOT NULL,
	verifier TEXT NOT NULL,
	redirect TEXT NOT NULL,
	next TEXT NOT NULL,
	begun DATETIME NOT NULL,
	CONSTRAINT pk_sign_in_attempts PRIMARY KEY (state)
);
INSERT INTO "sign_in_attempts" VALUES('state''1é','browser''1é','provider''1é','nonce''1é','verifier''1é','redirect''1é','next''1é','2026-03-01 12:01:00.000007');
INSERT INTO "sign_in_attempts" VALUES('state''2é','browser''2é','provider''2é','nonce''2é','verifier''2é','redirect''2é','next''2é','2026-03-01 12:02:00.000007');
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
	created DATETIME NOT NULL,
	CONSTRAINT pk_sign_in_providers PRIMARY KEY (name),
	CONSTRAINT fk_sign_in_providers_credential FOREIGN KEY(credential) REFERENCES credentials (name)
);
INSERT INTO "sign_in_providers" VALUES('name''1é','title''1é','issuer''1é','client_id''1é','name''1é','[]','[]','trust''1é',1,'2026-03-01 12:01:00.000007');
INSERT INTO "sign_in_providers" VALUES('name''2é','title''2é','issuer''2é','client_id''2é','name''2é','{"n":2,"é":["\u0000''"]}','{"n":2,"é":["\u0000''"]}','trust''2é',0,'2026-03-01 12:02:00.000007');
CREATE TABLE source_errors (
	source TEXT NOT NULL,
	workspace TEXT NOT NULL,
	"key" TEXT NOT NULL,
	error TEXT NOT NULL,
	since DATETIME NOT NULL,
	at DATETIME NOT NULL,
	CONSTRAINT pk_source_errors PRIMARY KEY (source, workspace, "key")
);
INSERT INTO "source_errors" VALUES('source''1é','workspace''1é','key''1é','error''1é','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007');
INSERT INTO "source_errors" VALUES('source''2é','workspace''2é','key''2é','error''2é','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007');
CREATE TABLE source_health (
	source TEXT NOT NULL,
	workspace TEXT NOT NULL,
	table_name TEXT NOT NULL,
	first_seen DATETIME,
	last_seen DATETIME,
	last_event DATETIME,
	rows BIGINT NOT NULL,
	bad BIGINT NOT NULL,
	size BIGINT NOT NULL,
	lag BIGINT,
	columns TEXT NOT NULL, untimed BIGINT DEFAULT '0' NOT NULL, left_out BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_source_health PRIMARY KEY (source, workspace, table_name)
);
INSERT INTO "source_health" VALUES('source''1é','workspace''1é','table_name''1é','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007',1,1,1,1,'columns''1é',1,1);
INSERT INTO "source_health" VALUES('source''2é','workspace''2é','table_name''2é','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007',2,2,2,2,'columns''2é',2,2);
CREATE TABLE source_rates (
	source TEXT NOT NULL,
	workspace TEXT NOT NULL,
	table_name TEXT NOT NULL,
	hour DATETIME NOT NULL,
	rows BIGINT NOT NULL,
	bad BIGINT NOT NULL,
	size BIGINT NOT NULL,
	delay FLOAT NOT NULL, untimed BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_source_rates PRIMARY KEY (source, workspace, table_name, hour)
);
INSERT INTO "source_rates" VALUES('source''1é','workspace''1é','table_name''1é','2026-03-01 12:01:00.000007',1,1,1,1.5,1);
INSERT INTO "source_rates" VALUES('source''2é','workspace''2é','table_name''2é','2026-03-01 12:02:00.000007',2,2,2,2.5,2);
CREATE TABLE sources (
	name TEXT NOT NULL,
	kind TEXT NOT NULL,
	settings TEXT NOT NULL,
	workspace TEXT NOT NULL,
	credential TEXT,
	enabled BOOLEAN NOT NULL,
	created DATETIME NOT NULL,
	CONSTRAINT pk_sources PRIMARY KEY (name),
	CONSTRAINT fk_sources_workspace FOREIGN KEY(workspace) REFERENCES workspaces (name),
	CONSTRAINT fk_sources_credential FOREIGN KEY(credential) REFERENCES credentials (name)
);
INSERT INTO "sources" VALUES('hub-1','event_hub','{"topic":"t1"}','soc-2','name''1é',1,'2026-03-01 12:01:00.000007');
INSERT INTO "sources" VALUES('hub-2','event_hub','{"topic":"t2"}','soc-2','name''2é',0,'2026-03-01 12:02:00.000007');
CREATE TABLE suppressions (
	id TEXT NOT NULL,
	workspace TEXT NOT NULL,
	name TEXT NOT NULL,
	rule TEXT NOT NULL,
	conditions TEXT NOT NULL,
	reason TEXT NOT NULL,
	comment TEXT NOT NULL,
	enabled BOOLEAN NOT NULL,
	expires DATETIME,
	author TEXT NOT NULL,
	created DATETIME NOT NULL,
	changed DATETIME NOT NULL,
	advice TEXT NOT NULL,
	CONSTRAINT pk_suppressions PRIMARY KEY (id),
	CONSTRAINT uq_suppressions_name UNIQUE (workspace, name)
);
INSERT INTO "suppressions" VALUES('id''1é','workspace''1é','name''1é','rule''1é','[]','reason''1é','comment''1é',1,'2026-03-01 12:01:00.000007','author''1é','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','advice''1é');
INSERT INTO "suppressions" VALUES('id''2é','workspace''2é','name''2é','rule''2é','{"n":2,"é":["\u0000''"]}','reason''2é','comment''2é',0,'2026-03-01 12:02:00.000007','author''2é','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','advice''2é');
CREATE TABLE table_retention (
	workspace TEXT NOT NULL,
	table_name TEXT NOT NULL,
	days INTEGER NOT NULL,
	CONSTRAINT pk_table_retention PRIMARY KEY (workspace, table_name),
	CONSTRAINT fk_table_retention_workspace FOREIGN KEY(workspace) REFERENCES workspaces (name) ON DELETE CASCADE
);
INSERT INTO "table_retention" VALUES('soc-2','table_name''1é',1);
INSERT INTO "table_retention" VALUES('soc-2','table_name''2é',2);
CREATE TABLE tenants (
	name TEXT NOT NULL,
	settings TEXT NOT NULL,
	credential TEXT,
	enabled BOOLEAN NOT NULL,
	hours FLOAT NOT NULL,
	created DATETIME NOT NULL,
	collected DATETIME,
	snapshot TEXT NOT NULL,
	error TEXT NOT NULL,
	error_at DATETIME,
	tested TEXT,
	CONSTRAINT pk_tenants PRIMARY KEY (name),
	CONSTRAINT fk_tenants_credential FOREIGN KEY(credential) REFERENCES credentials (name)
);
INSERT INTO "tenants" VALUES('name''1é','[]','name''1é',1,1.5,'2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','snapshot''1é','error''1é','2026-03-01 12:01:00.000007','[]');
INSERT INTO "tenants" VALUES('name''2é','{"n":2,"é":["\u0000''"]}','name''2é',0,2.5,'2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','snapshot''2é','error''2é','2026-03-01 12:02:00.000007','{"n":2,"é":["\u0000''"]}');
CREATE TABLE tuning_changes (
	number INTEGER NOT NULL,
	workspace TEXT NOT NULL,
	moment DATETIME NOT NULL,
	author TEXT NOT NULL,
	kind TEXT NOT NULL,
	subject TEXT NOT NULL,
	rule TEXT NOT NULL,
	"before" TEXT,
	"after" TEXT,
	advice TEXT NOT NULL,
	CONSTRAINT pk_tuning_changes PRIMARY KEY (number)
);
INSERT INTO "tuning_changes" VALUES(1,'workspace''1é','2026-03-01 12:01:00.000007','author''1é','kind''1é','subject''1é','rule''1é','[]','[]','advice''1é');
INSERT INTO "tuning_changes" VALUES(2,'workspace''2é','2026-03-01 12:02:00.000007','author''2é','kind''2é','subject''2é','rule''2é','{"n":2,"é":["\u0000''"]}','{"n":2,"é":["\u0000''"]}','advice''2é');
CREATE TABLE usage_untold (
	workspace TEXT NOT NULL,
	table_name TEXT NOT NULL,
	hour DATETIME NOT NULL,
	rows BIGINT NOT NULL,
	size BIGINT NOT NULL,
	timed BIGINT NOT NULL,
	delay FLOAT NOT NULL,
	CONSTRAINT pk_usage_untold PRIMARY KEY (workspace, table_name, hour)
);
INSERT INTO "usage_untold" VALUES('workspace''1é','table_name''1é','2026-03-01 12:01:00.000007',1,1,1,1.5);
INSERT INTO "usage_untold" VALUES('workspace''2é','table_name''2é','2026-03-01 12:02:00.000007',2,2,2,2.5);
CREATE TABLE watchlist_items (
	list TEXT NOT NULL,
	id TEXT NOT NULL,
	"key" TEXT NOT NULL,
	cells TEXT NOT NULL,
	created DATETIME NOT NULL,
	changed DATETIME NOT NULL,
	expires DATETIME,
	CONSTRAINT pk_watchlist_items PRIMARY KEY (list, id)
);
INSERT INTO "watchlist_items" VALUES('list''1é','id''1é','key''1é','[]','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007','2026-03-01 12:01:00.000007');
INSERT INTO "watchlist_items" VALUES('list''2é','id''2é','key''2é','{"n":2,"é":["\u0000''"]}','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007','2026-03-01 12:02:00.000007');
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
	created DATETIME NOT NULL,
	created_by TEXT NOT NULL,
	changed DATETIME NOT NULL,
	changed_by TEXT NOT NULL,
	version BIGINT NOT NULL,
	published BIGINT NOT NULL,
	told DATETIME NOT NULL, holding TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_watchlists PRIMARY KEY (workspace, folded)
);
INSERT INTO "watchlists" VALUES('workspace''1é','folded''1é','alias''1é','id''1é','name''1é','description''1é','provider''1é','source''1é','search_key''1é','[]',1,'2026-03-01 12:01:00.000007','created_by''1é','2026-03-01 12:01:00.000007','changed_by''1é',1,1,'2026-03-01 12:01:00.000007','holding''1é');
INSERT INTO "watchlists" VALUES('workspace''2é','folded''2é','alias''2é','id''2é','name''2é','description''2é','provider''2é','source''2é','search_key''2é','{"n":2,"é":["\u0000''"]}',2,'2026-03-01 12:02:00.000007','created_by''2é','2026-03-01 12:02:00.000007','changed_by''2é',2,2,'2026-03-01 12:02:00.000007','holding''2é');
CREATE TABLE workspaces (
	name TEXT NOT NULL,
	id TEXT NOT NULL,
	description TEXT NOT NULL,
	days INTEGER NOT NULL,
	members TEXT,
	subscriptions TEXT,
	created DATETIME NOT NULL,
	CONSTRAINT pk_workspaces PRIMARY KEY (name),
	CONSTRAINT uq_workspaces_id UNIQUE (id)
);
INSERT INTO "workspaces" VALUES('default','5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e90','',90,NULL,NULL,'2026-03-01 12:00:00.000000');
INSERT INTO "workspaces" VALUES('soc-1','id''1é','description''1é',1,'[]','[]','2026-03-01 12:01:00.000007');
INSERT INTO "workspaces" VALUES('soc-2','id''2é','description''2é',2,'{"n":2,"é":["\u0000''"]}','{"n":2,"é":["\u0000''"]}','2026-03-01 12:02:00.000007');
CREATE INDEX ix_outbox_batch ON outbox (batch);
CREATE INDEX ix_incidents_last_activity ON incidents (workspace, last_activity);
CREATE INDEX ix_incident_keys_key ON incident_keys ("key");
CREATE INDEX ix_alerts_rule ON alerts (workspace, rule, raised);
CREATE INDEX ix_alerts_incident ON alerts (incident);
CREATE INDEX ix_incident_actions_incident ON incident_actions (incident);
CREATE INDEX ix_tuning_changes_advice ON tuning_changes (workspace, advice);
CREATE INDEX ix_alerts_subject ON alerts (workspace, rule, subject, raised);
CREATE INDEX ix_intel_published ON intel (workspace, active, published);
CREATE INDEX ix_principals_subject ON principals (subject);
CREATE INDEX ix_secrets_principal ON secrets (principal);
CREATE INDEX ix_bookmarks_workspace ON bookmarks (workspace, created);
CREATE INDEX ix_bookmarks_incident ON bookmarks (incident);
CREATE INDEX ix_watchlist_items_key ON watchlist_items (list, "key");
CREATE INDEX ix_watchlist_items_expires ON watchlist_items (expires);
CREATE INDEX ix_rule_runs_fault ON rule_runs (workspace, fault, rule);
CREATE INDEX ix_response_runs_due ON response_runs (workspace, status, due);
CREATE INDEX ix_arm_documents_type ON arm_documents (type, "key");
CREATE INDEX ix_sign_in_attempts_begun ON sign_in_attempts (begun);
CREATE INDEX ix_saved_queries_workspace ON saved_queries (workspace, shared, owner);
CREATE INDEX ix_intel_stix ON intel (workspace, stix);
CREATE INDEX ix_ingested_files_started ON ingested_files (workspace, started);
CREATE INDEX ix_own_facts_subscription ON own_facts (subscription, subject, type);
COMMIT;

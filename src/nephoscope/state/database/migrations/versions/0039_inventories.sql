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
CREATE UNIQUE INDEX ix_inventory_subjects_key ON inventory_subjects (tenant, kind, key);
CREATE INDEX ix_inventory_subjects_resource ON inventory_subjects (resource_id);
CREATE INDEX ix_inventory_subjects_set ON inventory_subjects (package_set);

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
    CONSTRAINT pk_inventory_packages PRIMARY KEY (number)
);
CREATE UNIQUE INDEX ix_inventory_packages_digest ON inventory_packages (digest);
CREATE INDEX ix_inventory_packages_pending ON inventory_packages (is_pending);

CREATE TABLE inventory_package_names (
    ecosystem TEXT NOT NULL,
    name TEXT NOT NULL,
    package INTEGER NOT NULL,
    CONSTRAINT pk_inventory_package_names PRIMARY KEY (ecosystem, name, package)
);

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
CREATE INDEX ix_vulnerability_findings_package ON vulnerability_findings (package, vulnerability);

CREATE TABLE image_listings (
    resource_id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    listed_at $moment NOT NULL,
    digests TEXT NOT NULL,
    CONSTRAINT pk_image_listings PRIMARY KEY (resource_id)
);

CREATE TABLE finding_changes (
    subject INTEGER NOT NULL,
    change INTEGER NOT NULL,
    CONSTRAINT pk_finding_changes PRIMARY KEY (subject)
);
CREATE INDEX ix_finding_changes_change ON finding_changes (change);
DROP INDEX ix_vulnerability_findings_package;
CREATE INDEX ix_vulnerability_findings_vulnerability ON vulnerability_findings (vulnerability, package, closed, first_seen, subject);

ALTER TABLE pipeline_repositories ADD COLUMN branch_chosen BOOLEAN NOT NULL DEFAULT $false;

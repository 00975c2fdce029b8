CREATE INDEX ix_agents_principal ON agents (principal);

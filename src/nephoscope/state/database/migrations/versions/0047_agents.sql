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

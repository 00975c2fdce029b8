"""Operations of the command `access`: principals, roles, secrets, sign-in providers and the audit."""

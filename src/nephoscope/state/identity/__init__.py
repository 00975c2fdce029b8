"""Identity: the risk of users, service principals and agents."""

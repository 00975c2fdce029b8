"""Response: rules that ask what happened to alerts and incidents, and actions (a file an action) that do something about it."""

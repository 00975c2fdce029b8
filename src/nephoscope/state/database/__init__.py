"""The database below the state: opened, brought to the tables of this version, mended, and changed with an audit entry alone."""

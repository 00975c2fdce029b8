"""Content of others: rules, hunting queries, functions and watchlists that were imported as packs into the data folder."""

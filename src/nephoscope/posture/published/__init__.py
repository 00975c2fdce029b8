"""The estate and all that the last evaluation said of it, as ARM documents that KQL, the API and the pages read."""

"""Unsupported plugins of the language, rejected by name."""

from __future__ import annotations

from nephoscope_kql.binder.plugin_interface import refuse_plugin

_OUTSIDE = "nephoscope's queries reach nothing outside its own tables"
_CODE = "nephoscope runs no code that a query brings along"
_MODEL = "nephoscope's queries call no language model"
_TEXT = "patterns of free text are not found in this version"


def _declare_unsupported_plugins(reason: str, *pairs: tuple[str, str]) -> tuple[object, ...]:
    family = __name__.rpartition(".")[2]
    return tuple(refuse_plugin(signature, summary, reason, family) for signature, summary in pairs)


requests = _declare_unsupported_plugins(
    _OUTSIDE,
    ("http_request(Uri, [RequestHeaders], [Options])", "Send a GET request."),
    ("http_request_post(Uri, [RequestHeaders], [Options], [Content])", "Send a POST request."),
    ("sql_request(ConnectionString, SqlQuery, [SqlParameters], [Options])", "Query an SQL Server."),
    ("mysql_request(ConnectionString, SqlQuery, [SqlParameters])", "Query a MySQL server."),
    ("postgresql_request(ConnectionString, SqlQuery, [SqlParameters])", "Query a PostgreSQL server."),
    ("cosmosdb_sql_request(ConnectionString, SqlQuery, [SqlParameters], [Options])", "Query Cosmos DB."),
    ("azure_digital_twins_query_request(Endpoint, Query)", "Query Azure Digital Twins."),
    ("execute_query(ConnectionString, Query)", "Run a query on another cluster."),
    ("execute_show_command(ConnectionString, Command)", "Run a command on another cluster."),
    ("external_datatable()", "Read rows that a client sends along."),
    ("infer_storage_schema(Options)", "Find the schema of files in a storage account."),
    ("infer_storage_schema_with_suggestions(Options)", "Find the schema of files, with advice."),
)
code = _declare_unsupported_plugins(
    _CODE,
    ("python(OutputSchema, Script, [ScriptParameters])", "Run Python over the rows."),
    ("r(OutputSchema, Script, [ScriptParameters])", "Run R over the rows."),
    ("csharp(OutputSchema, Script, [ScriptParameters])", "Run C# over the rows."),
)
models = _declare_unsupported_plugins(
    _MODEL,
    ("ai_chat_completion(Chat, ConnectionString, [Options])", "Answer a chat."),
    ("ai_chat_completion_prompt(Prompt, ConnectionString, [Options])", "Answer a prompt."),
    ("ai_embed_text(Text, ConnectionString, [Options])", "Embed a text."),
    ("ai_embeddings(Text, ConnectionString, [Options])", "Embed a text."),
)
texts = _declare_unsupported_plugins(
    _TEXT,
    (
        "diffpatterns_text(TextColumn, BooleanCondition, [MinTokens], [Threshold], [MaxTokens])",
        "Find differing texts.",
    ),
)

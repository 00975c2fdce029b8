"""Taint analysis: which values of a workflow outsiders or collaborators control."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.expression import (
    ExpressionError,
    WorkflowExpression,
    parse_expression,
    parse_expressions,
)

_TEXTS = frozenset({"title", "body"})
_TEXT_PARENTS = frozenset({"issue", "pull_request", "discussion", "comment", "review", "review_comment"})
_PEOPLE = frozenset({"author", "committer", "blocked_user", "pusher"})
_BRANCH_LEAVES = frozenset({"ref", "label", "default_branch", "head_branch", "page_name", "display_title"})
_HEADS = frozenset({"head", "pull_request", "workflow_run", "pages", "repo", "head_repository"})
#: Objects of an event that hold untrusted texts: whoever prints them whole prints these too.
_OBJECTS = frozenset({
    "event", "issue", "pull_request", "discussion", "comment", "review", "review_comment", "commits", "head_commit", "head",
    "workflow_run", "pages", "author", "committer",
})  # fmt: skip
#: Values of `github` that no text of anybody is in.
_SAFE_GITHUB = frozenset({
    "action", "action_path", "action_ref", "action_repository", "action_status", "actor_id", "api_url", "env",
    "event_name", "event_path", "graphql_url", "job", "path", "ref_protected", "ref_type", "repository", "repository_id",
    "repository_owner", "repository_owner_id", "repository_visibility", "repositoryurl", "retention_days", "run_attempt",
    "run_id", "run_number", "secret_source", "server_url", "sha", "token", "workflow", "workflow_ref", "workflow_sha",
    "workspace", "triggering_actor", "triggering_actor_id",
})  # fmt: skip
_SAFE_LEAVES = frozenset({
    "id", "node_id", "number", "sha", "action", "created_at", "updated_at", "merged", "draft", "state", "fork", "private",
    "size", "after", "before", "merge_commit_sha", "head_sha", "run_id", "run_number", "check_suite_id", "workflow_id",
    "conclusion", "event", "html_url", "url", "author_association", "type", "full_name", "login", "commits_url", "diff_url",
    "patch_url", "run_attempt", "additions", "deletions", "changed_files", "status", "avatar_url", "created", "deleted",
    "forced", "tree_id", "timestamp", "base_ref", "installation",
})  # fmt: skip
#: Functions whose result holds the text of their arguments.
_CARRYING = frozenset({"format", "join", "tojson", "fromjson", "case"})


def is_untrusted(text: str) -> bool:
    """Tell whether an expression (with or without `${{ }}`) holds a text that anybody can write, as an issue's title."""
    if "${{" in text:
        trees = parse_expressions(text)
    else:
        try:
            trees = [parse_expression(text)]
        except ExpressionError:
            return False
    return any(is_written_by_anybody(context.parts) for tree in trees for context in tree.list_contexts())


def is_written_by_anybody(parts: tuple[str, ...]) -> bool:
    """Tell whether a context is, or holds, a text that people outside of the repository write."""
    if parts[:1] != ("github",):
        return False
    if parts == ("github", "head_ref"):
        return True
    if len(parts) < 2 or parts[1] != "event":
        return False
    leaf = parts[-1]
    above = parts[-2] if not parts[-2].isdigit() and parts[-2] != "*" else parts[-3]
    if leaf in ("*", "") or leaf.isdigit():
        return parts[-2] in _OBJECTS
    return (
        (leaf in _TEXTS and above in _TEXT_PARENTS)
        or (leaf == "message" and above in ("commits", "head_commit", "commit"))
        or (leaf in ("name", "email") and above in _PEOPLE)
        or (leaf in _BRANCH_LEAVES and above in _HEADS)
        or (leaf in _OBJECTS and (leaf != "head" or "pull_request" in parts))
    )


def find_carried_values(tree: WorkflowExpression) -> Iterator[WorkflowExpression]:
    """Give the contexts and literals whose text the value of an expression may hold."""
    if tree.kind in ("context", "literal"):
        yield tree
    elif tree.kind == "binary" and tree.value == "&&":
        yield from find_carried_values(tree.args[1])
    elif tree.kind == "binary" and tree.value == "||":
        yield from find_carried_values(tree.args[0])
        yield from find_carried_values(tree.args[1])
    elif tree.kind == "call" and tree.value in _CARRYING:
        for argument in tree.args:
            yield from find_carried_values(argument)
    elif tree.kind == "index":
        yield from find_carried_values(tree.args[0])


def is_inert(parts: tuple[str, ...]) -> bool:
    """Tell whether a context is of a form that no script can be hidden in: numbers, hashes, names of GitHub's own."""
    root, rest = parts[0], parts[1:]
    if root in ("runner", "strategy", "job", "secrets"):
        return True
    if root == "needs" or root == "jobs":
        return len(rest) > 1 and rest[1] == "result"
    if root == "steps":
        return len(rest) > 1 and rest[1] in ("outcome", "conclusion")
    if root != "github":
        return False
    if len(rest) == 1:
        return rest[0] in _SAFE_GITHUB
    return len(rest) > 1 and rest[-1] in _SAFE_LEAVES

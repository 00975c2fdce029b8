"""Code lines of the faces of what people change, before services and now: `python docs/face_lines.py [--files] [COMMIT ...]`.

A code line has more than blanks, a comment or a docstring. A file counts for the first entity whose pattern its path below a face
matches; names of before and of now stand beside each other. What is declared once for all faces, what makes faces of it and
files of verbs that there were not yet are columns of their own.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import subprocess
import tokenize
from collections import Counter

#: The last commit before services: each face had permission, validation, change and audit.
BEFORE = "044a28fba"
ROOT = "src/nephoscope/"
FACES = ("cli", "web", "api", "admin")
ENTITIES = {
    "tenants": r"(pages/)?tenants",
    "sources": r"(\w+/)?(sources|connectors|data_connectors|connector_requirements|connector_shapes|data_connector_schemas)"
    r"|session/(requesting|source_health)|pages/log_sources|page_data/(source_states|sender_instructions)|(tables/)?health_table",
    "credentials": r"credentials|session/(secrets|secret_input)",
    "people and roles": r"access|signin|principals|roles|secrets|sign_in_providers|people|(rendering/)?role_scopes"
    r"|visits/assignable_people|provider_pages|provider_sign_in|pages/(account|audit)|audit|lists/audit_list|(arm/)?authorization",
    "rules and content": r"content|packs|own_rules|session/(library|content_library|covering|content_coverage|rules|rule_selection)"
    r"|pages/(content|rules)|list_all_automations|switching|forms/content_switches|page_data/content_rows|(tables/)?rule_tables"
    r"|(sentinel/)?alert_rules|wire/(rule_shapes|alert_rule_schemas)",
    "suppressions and tuning": r"(pages/)?suppressions|tuning|session/(overriding|rule_settings)"
    r"|(page_data/)?suppressed_rule\w+|(rendering/)?suppression_choices|trying|forms/trial_forms|(tables/)?trial_tables"
    r"|(defender/)?alerts_suppression_rules",
    "incidents and alerts": r"(\w+/)?(alerts|incidents|incident_notes|relations|alert_forms|incident_forms)"
    r"|session/(cases|incident_details)|told_alerts|page_data/visible_alerts",
    "exemptions and assignments": r"(exemptions|assignments)|forms/exemption_forms|(policy/)?policy_authorization",
    "attestations": r"(policy/)?attestations",
    "watchlists": r"(sentinel/)?watchlists",
    "bookmarks": r"hunt|(sentinel/)?bookmarks",
    "automations": r"(\w+/)?(automations|automation_rules|automation_errors)|response|rules|runs|session/automating"
    r"|page_data/automation_list",
    "governance": r"(defender/)?governance",
    "workspaces": r"workspaces",
    "backups": r"backups?|restore",
    "indicators": r"intel|(sentinel/)?threat_intelligence(_upload)?",
    "settings": r"behavior|session/(behaving|behavior_run)|pages/settings|(\w+/)?(sentinel_settings|security_settings)"
    r"|(\w+/)?(saved_searches|saved_queries)|wire/(kept|documents|arm_documents|document_kinds|document_secrets)",
}  # fmt: skip
#: What makes faces of declared operations.
MACHINERY = (
    r"cli/session/operation_commands|admin/wire/operation_handler|web/forms/(operation_form|request_form)|web/lists/section_list"
    r"|web/pages/settings_sections|operations/declaration/\w+"
)  # fmt: skip
#: Verbs that there were not yet: rules written from a query, runs of response, assignments and the audit in the browser.
NEW = r"operations/(detection/own_rules|response/runs|posture/assignments)|web/(pages/audit|lists/audit_list)"


def count_code_lines(text: str) -> int:
    """Count the lines of a module that have code."""
    skipped = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in skipped
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(text)):
        if isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and ast.get_docstring(node):
            lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(lines)


def place_file(path: str) -> tuple[str, str] | None:
    """Return the column and the entity of a file below the product, None where it is of none."""
    package, _, rest = path.partition("/")
    if re.fullmatch(MACHINERY, path):
        return "machinery", ""
    if package not in (*FACES, "operations"):
        return None
    name = rest.rpartition("/")[2] if package == "operations" else rest
    entity = next((one for one, pattern in ENTITIES.items() if re.fullmatch(pattern, name)), "")
    if not entity:
        return None
    return "new" if re.fullmatch(NEW, path) else package, entity


def count_commit(commit: str) -> dict[tuple[str, str], Counter[str]]:
    """Count a commit: by column and entity, the lines of each file."""
    known: dict[tuple[str, str], Counter[str]] = {}
    listed = _git("ls-tree", "-r", "--name-only", commit, *(f"{ROOT}{one}" for one in (*FACES, "operations")))
    for path in listed.split():
        short = path.removeprefix(ROOT).removesuffix(".py")
        if path.endswith(".py") and (place := place_file(short)) is not None:
            known.setdefault(place, Counter())[short] = count_code_lines(_git("show", f"{commit}:{path}"))
    return known


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - git of the person who counts


def main() -> None:
    """Print the lines of commits, side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commits", nargs="*", default=[BEFORE, "HEAD"])
    parser.add_argument("--files", action="store_true", help="list the files")
    asked = parser.parse_args()
    counted = [count_commit(one) for one in asked.commits]
    if asked.files:
        for commit, found in zip(asked.commits, counted, strict=True):
            for (column, entity), files in sorted(found.items()):
                print(
                    f"{commit} {column} {entity or '-'}: {', '.join(f'{name} {lines}' for name, lines in files.most_common())}"
                )
    print(f"{'':28}" + "".join(f"{one[:12]:>14}" for one in asked.commits))
    for column in (*FACES, "faces", "operations", "machinery", "new"):
        of = FACES if column == "faces" else (column,)
        _print_row(
            column,
            [sum(files.total() for place, files in found.items() if place[0] in of) for found in counted],
        )
    print("faces by entity")
    for entity in ENTITIES:
        _print_row(
            f"  {entity}",
            [sum(files.total() for place, files in found.items() if place[0] in FACES and place[1] == entity) for found in counted],
        )  # fmt: skip


def _print_row(name: str, values: list[int]) -> None:
    print(f"{name:28}" + "".join(f"{one:>14,}" for one in values))


if __name__ == "__main__":
    main()

"""The tables of pipelines: repositories, their runs, what the newest run plans, and work items."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Index, Integer, LargeBinary, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime


class PipelineRepositoryRow(AuditedRow):
    """A repository; `name` is lower-cased, `shown` as it was sent first."""

    __tablename__ = "pipeline_repositories"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    shown: Mapped[str] = mapped_column(Text)
    default_branch: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)
    branch_chosen: Mapped[bool] = mapped_column(Boolean, server_default=false())


class PipelineRunRow(AuditedRow):
    """A run of a tool over a repository; `findings` are packed JSON."""

    __tablename__ = "pipeline_runs"
    __table_args__ = (
        Index("ix_pipeline_runs_series", "repository", "tool", "category", "started"),
        Index("ix_pipeline_runs_started", "started"),
    )
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    repository: Mapped[str] = mapped_column(Text)
    tool: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text)
    tool_version: Mapped[str] = mapped_column(Text)
    run_id: Mapped[str] = mapped_column(Text)
    branch: Mapped[str] = mapped_column(Text)
    commit_id: Mapped[str] = mapped_column(Text)
    pull_request: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    started: Mapped[datetime] = mapped_column(UtcDateTime)
    received: Mapped[datetime] = mapped_column(UtcDateTime)
    author: Mapped[str] = mapped_column(Text)
    decides: Mapped[bool] = mapped_column(Boolean)
    note: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    counts: Mapped[dict[str, int]] = mapped_column(Json)
    severities: Mapped[dict[str, int]] = mapped_column(Json)
    # what is long comes last: what is before it is read without it
    findings: Mapped[bytes] = mapped_column(LargeBinary)


class PlannedResourceRow(AuditedRow):
    """A resource that the newest deciding run of a series found in a file; ids and types are lower-cased."""

    __tablename__ = "pipeline_planned_resources"
    __table_args__ = (Index("ix_pipeline_planned_resources_type", "type", "exact"),)
    repository: Mapped[str] = mapped_column(Text, primary_key=True)
    tool: Mapped[str] = mapped_column(Text, primary_key=True)
    category: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    file: Mapped[str] = mapped_column(Text, primary_key=True)
    line: Mapped[int] = mapped_column(Integer, primary_key=True)
    column: Mapped[int] = mapped_column(Integer, primary_key=True)
    type: Mapped[str] = mapped_column(Text)
    exact: Mapped[bool] = mapped_column(Boolean)
    conditional: Mapped[bool] = mapped_column(Boolean)
    run: Mapped[str] = mapped_column(Text)
    passed: Mapped[list[str]] = mapped_column(Json)


class WorkItemRow(AuditedRow):
    """A finding of the default branch over its whole life."""

    __tablename__ = "pipeline_work_items"
    __table_args__ = (
        Index("ix_pipeline_work_items_series", "repository", "tool", "category", "status"),
        Index("ix_pipeline_work_items_subject", "subject"),
    )
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    repository: Mapped[str] = mapped_column(Text)
    tool: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    rule: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    file: Mapped[str] = mapped_column(Text)
    line: Mapped[int] = mapped_column(Integer)
    column: Mapped[int] = mapped_column(Integer)
    message: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    opened: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_run: Mapped[str] = mapped_column(Text)
    closed: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_run: Mapped[str] = mapped_column(Text)
    seen_run: Mapped[str] = mapped_column(Text)
    reopened: Mapped[int] = mapped_column(Integer)

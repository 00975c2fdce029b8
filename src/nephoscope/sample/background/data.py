"""Applications use vaults, storage and databases; monitoring reads secrets; keys are rotated; batches run at night."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nephoscope.sample.company import Application
from nephoscope.sample.company_calendar import (
    build_local_moment,
    draw_random_moment,
    get_day_name,
    is_weekend,
    repeat_moments,
)
from nephoscope.sample.log_entry import SampleEntry
from nephoscope.sample.records.azure import write_blob_request, write_sql_audit, write_vault_request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from nephoscope.sample.company import Company
    from nephoscope.sample.seeded_random import Dice

_SECRETS = ("sql-connection", "redis-key", "smtp-password", "maps-key", "payment-token", "edi-signing")


def generate_day(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """The requests of a day."""
    yield from _list_vaults(company, day, dice)
    yield from _list_booking_blobs(company, day, dice)
    yield from _generate_lake_access(company, day, dice)
    yield from _list_public_blobs(company, day, dice)
    yield from _list_databases(company, day, dice)


def _build_identity(company: Company, name: str) -> Application:
    one = company.resources_by_name[name]
    return Application(one.principal, one.principal, name)


def _list_vaults(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    readers = {
        "kv-bwf-booking": ("app-booking-web", "10.40.2.4"),
        "kv-bwf-erp": ("vm-erp-app-01", "10.50.1.4"),
        "kv-bwf-data": ("adf-ingest", "10.60.3.12"),
    }
    for name, (reader, address) in readers.items():
        who = _build_identity(company, reader)
        for moment in repeat_moments(day, 15, dice, 0.5):
            yield write_vault_request(
                company, dice, moment, vault=name, caller=None, address=address, item=_SECRETS[0], status=401
            )
            for secret in dice.sample(_SECRETS, 2):
                moment += timedelta(milliseconds=dice.randrange(20, 400))
                yield write_vault_request(
                    company, dice, moment, vault=name, caller=who, address=address, item=secret
                )
    yield from _watch_secrets(company, day, dice)
    if get_day_name(day) == "Sun":
        yield from _generate_rotation(company, day, dice)
    wrapper = _build_identity(company, "des-bwf-we")
    for moment in repeat_moments(day, 30, dice):
        operation = dice.choice(("KeyUnwrap", "KeyUnwrap", "KeyWrap"))
        yield write_vault_request(
            company,
            dice,
            moment,
            vault="kv-bwf-cmk",
            caller=wrapper,
            address="20.38.84.10",
            item="cmk-we",
            operation=operation,
            agent="Azure-Storage",
        )
    if not is_weekend(day) and dice.is_chosen(0.3):
        person = company.person("dev-1")
        for secret in dice.sample(_SECRETS, 2):
            yield write_vault_request(
                company, dice, draw_random_moment(day, dice, 9, 16), vault="kv-bwf-dev", caller=person,
                address=company.locate_office("Rotterdam").address, item=secret,
                agent="AZURECLI/2.67", status=dice.choice((200, 200, 404)),
            )  # fmt: skip


def _watch_secrets(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """Monitoring looks each morning whether secrets end soon: it lists every vault and reads what it finds."""
    watcher = _build_identity(company, "aa-bwf-operations")
    moment = build_local_moment(day, 5.5)
    for one in company.list_resources("microsoft.keyvault/vaults"):
        if one.name in ("kv-bwf-2019", "kv-bwf-hackathon"):
            continue
        yield write_vault_request(
            company,
            dice,
            moment,
            vault=one.name,
            caller=watcher,
            address="20.86.12.88",
            operation="SecretList",
            agent="WatchExpiry/3.2",
        )
        for secret in _SECRETS:
            moment += timedelta(seconds=dice.randrange(1, 4))
            yield write_vault_request(
                company,
                dice,
                moment,
                vault=one.name,
                caller=watcher,
                address="20.86.12.88",
                item=secret,
                agent="WatchExpiry/3.2",
            )


def _generate_rotation(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    robot = _build_identity(company, "aa-bwf-operations")
    moment = build_local_moment(day, 3)
    for name in ("kv-bwf-booking", "kv-bwf-erp"):
        for operation in ("SecretGet", "SecretSet", "SecretUpdate"):
            moment += timedelta(seconds=5)
            yield write_vault_request(
                company,
                dice,
                moment,
                vault=name,
                caller=robot,
                address="20.86.12.88",
                item="smtp-password",
                operation=operation,
                agent="RotateSecrets/1.4",
            )


def _list_booking_blobs(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    web = _build_identity(company, "app-booking-web")
    for moment in repeat_moments(day, 4 if not is_weekend(day) else 12, dice, 1):
        item = f"2026/{dice.randrange(10**6)}.pdf"
        operation = dice.choice(("PutBlob", "GetBlob", "GetBlob", "GetBlobProperties"))
        yield write_blob_request(
            company, dice, moment, account="stbwfbooking", address="10.40.2.4", operation=operation,
            container="bills-of-lading", item=item,
            size=dice.randrange(20_000, 900_000), caller=web,
        )  # fmt: skip
    partner = company.facts["partners"]["carrier-edi"]
    for moment in repeat_moments(day, 60, dice, 0.3):
        yield write_blob_request(
            company, dice, moment, account="stbwferp", address=partner, operation="PutBlob", container="edi-in",
            item=f"{moment:%Y%m%d%H}.edi",
            size=dice.randrange(9_000, 80_000), auth="SAS", status="SASSuccess", agent="AzCopy/10.27.0",
        )  # fmt: skip
    for moment in repeat_moments(day, 240, dice, 1):
        yield write_blob_request(
            company, dice, moment, account="stbwfbooking", address="10.40.2.4", container="bills-of-lading",
            item="missing.pdf", caller=web,
            status="BlobNotFound", code=404,
        )  # fmt: skip


def _generate_lake_access(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """The data factory reads at night what the day brought; the archive is copied."""
    factory = _build_identity(company, "adf-ingest")
    moment = build_local_moment(day, 2)
    for place in range(160):
        moment += timedelta(seconds=dice.randrange(2, 12))
        operation = "GetBlob" if place % 3 else "PutBlob"
        yield write_blob_request(
            company, dice, moment, account="stbwflake", address="10.60.3.12", operation=operation, container="telemetry",
            item=f"{day:%Y/%m/%d}/{place:05d}.parquet", size=dice.randrange(10**6, 10**7), caller=factory,
            agent="AzureDataFactoryCopy FxVersion/4.8",
        )  # fmt: skip
    moment = build_local_moment(day, 4)
    machine = _build_identity(company, "vm-erp-archive-01")
    for place in range(80):
        moment += timedelta(seconds=dice.randrange(1, 6))
        yield write_blob_request(
            company, dice, moment, account="stbwferp", address="10.50.1.6", container="ledger",
            item=f"{day:%Y%m%d}/{place}.bak",
            size=dice.randrange(10**6, 5 * 10**6), caller=machine, agent="AzCopy/10.27.0",
        )  # fmt: skip
    for place in range(60 if get_day_name(day) == "Sat" else 6):
        moment += timedelta(seconds=dice.randrange(1, 9))
        yield write_blob_request(
            company, dice, moment, account="stbwflake", address="10.60.3.12", operation="DeleteBlob", container="staging",
            item=f"{day:%Y%m%d}/{place}.tmp", caller=factory, agent="AzureDataFactoryCopy FxVersion/4.8",
        )  # fmt: skip


def _list_public_blobs(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """The campaign's pictures are public, and strangers ask every account for what is not there."""
    for moment in repeat_moments(day, 12, dice, 1):
        yield write_blob_request(
            company, dice, moment, account="stbwfcampaign", address=dice.draw_address_in_block("84.82"), container="images",
            item=f"{dice.randrange(40)}.jpg",
            size=80_000, auth="Anonymous", status="AnonymousSuccess",
            agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131.0.0.0",
        )  # fmt: skip
    for moment in repeat_moments(day, 180, dice, 1):
        yield write_blob_request(
            company, dice, moment, account="stbwfbooking", address=dice.draw_public_address(), operation="ListBlobs",
            container=dice.choice(("backup", "public", "data")),
            auth="Anonymous", status="ResourceNotFound", code=404,
            agent="Mozilla/5.0 zgrab/0.x" if dice.is_chosen(0.02) else "Mozilla/5.0",
        )  # fmt: skip


def _list_databases(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    statements = (
        "SELECT TOP 50 * FROM dbo.Bookings WHERE PortOfLoading = @p0",
        "EXEC dbo.ReserveSlot @p0, @p1",
        "UPDATE dbo.Containers SET State = @p0 WHERE Id = @p1",
    )
    for moment in repeat_moments(day, 5, dice, 1):
        yield write_sql_audit(
            company, dice, moment, server="sql-booking", database="booking", principal="app-booking-web", address="10.40.2.4",
            statement=dice.choice(statements), rows=dice.randrange(1, 50),
        )  # fmt: skip
    for moment in repeat_moments(day, 300, dice, 1):
        yield write_sql_audit(
            company, dice, moment, server="sql-booking", database="booking", principal="svc-reports", address="10.60.3.12",
            action="DATABASE AUTHENTICATION FAILED", succeeded=False,
        )  # fmt: skip
    if not is_weekend(day):
        for _ in range(dice.times(5)):
            yield write_sql_audit(
                company, dice, draw_random_moment(day, dice, 9, 17), server="sql-booking", database="booking",
                principal="dba-1@brackwater.example",
                address=company.vpn.address, statement="SELECT * FROM sys.dm_exec_requests", rows=12,
                application="Microsoft SQL Server Management Studio",
            )  # fmt: skip
    yield write_sql_audit(
        company, dice, build_local_moment(day, 1.2), server="sql-booking", database="booking", principal="svc-reports",
        address="10.60.3.12",
        statement="SELECT * FROM dbo.Bookings WHERE ChangedAt > @since", rows=dice.randrange(30_000, 60_000),
    )  # fmt: skip

"""Certificate checks of the doctor: expiry and matching keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from nephoscope import server_status
from nephoscope.ingest.live.certificate_pair import check_pair, check_time, read_certificate
from nephoscope.ingest.source_failures import SourceError
from nephoscope.lake.backup.restored_audit import OPERATION as RESTORED
from nephoscope.serve.doctor_check import SOON, CheckContext, CheckVerdict, DoctorFinding


def check_certificates(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Yield how long the certificates last and whether they fit their keys: the own ones, and one that the server was given."""
    own = sorted((patient.data / "tls").glob("*.crt"))
    for path in own:
        remove = "delete it and its key: `nephoscope serve` creates new ones"
        yield _check_certificate(
            path, path.with_suffix(".key"), remove, "restart the server to create a new one", patient.now
        )
    if not own and patient.state.audit.find_newest(RESTORED) is not None:
        description = (
            "the certificates of the backed-up server are missing: `nephoscope serve` creates new "
            "ones, with a new authority"
        )
        yield DoctorFinding(
            "certificate",
            CheckVerdict.INFO,
            description,
            f"copy tls/ of that server to {patient.data}, or let clients trust the new authority",
        )
    server = server_status.read(patient.data)
    if server is not None and server.certificate:
        path = Path(server.certificate)
        if path not in own and patient.data not in path.parents:
            belong = "use a matching --certificate and --key"
            yield _check_certificate(path, Path(server.key or path), belong, "renew it", patient.now)


def _check_certificate(path: Path, key: Path, mend: str, renew: str, now: datetime) -> DoctorFinding:
    try:
        found = check_pair(path, key) if key.exists() else read_certificate(path)
    except SourceError as error:
        return DoctorFinding("certificate", CheckVerdict.WRONG, str(error).partition("; ")[0], mend)
    try:
        check_time(path, found, now)
    except SourceError as error:
        return DoctorFinding("certificate", CheckVerdict.WRONG, str(error).partition("; ")[0], renew)
    left = found.not_valid_after_utc - now
    problem = f"{path.name} expires in {left.days} days"
    if left < SOON:
        return DoctorFinding("certificate", CheckVerdict.WARNING, problem, renew)
    return DoctorFinding("certificate", CheckVerdict.OK, problem)

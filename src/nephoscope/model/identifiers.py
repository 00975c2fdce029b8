"""The identifiers of each kind of entity, as entity mappings may name them."""

from __future__ import annotations

from nephoscope.model.entity import STRONG

#: What a kind has beside the identifiers that tell its entities apart.
#: Source: https://learn.microsoft.com/azure/sentinel/entities-reference
_OTHERS = {
    "Account": "FullName NTDomain DnsDomain UPNSuffix AadTenantId IsDomainJoined",
    "Host": "FullName NTDomain DnsDomain OSFamily OSVersion IsDomainJoined",
    "IP": "AddressScope",
    "Process": "ElevationToken CreationTimeUtc",
    "RegistryValue": "Value ValueType",
    "Mailbox": "DisplayName RiskLevel ExternalDirectoryObjectId",
    "MailCluster": "NetworkMessageIds CountByDeliveryStatus CountByThreatType CountByProtectionStatus Threats QueryTime MailCount "
    "IsVolumeAnomaly ClusterSourceIdentifier ClusterSourceType ClusterQueryStartTime ClusterQueryEndTime ClusterGroup",
    "MailMessage": "Urls Threats Sender P1Sender P1SenderDisplayName P1SenderDomain SenderIP P2Sender P2SenderDisplayName "
    "P2SenderDomain ReceivedDate InternetMessageId Subject BodyFingerprintBin1 BodyFingerprintBin2 BodyFingerprintBin3 "
    "BodyFingerprintBin4 BodyFingerprintBin5 AntispamDirection DeliveryAction DeliveryLocation Language ThreatDetectionMethods",
    "SubmissionMail": "Timestamp Recipient Sender SenderIp Subject ReportType SubmissionDate Submitter",
    "IoTDevice": "DeviceName IoTSecurityAgentId DeviceType Source SourceRef Manufacturer Model OperatingSystem IpAddress MacAddress "
    "Protocols SerialNumber",
}  # fmt: skip
IDENTIFIERS: dict[str, dict[str, str]] = {
    kind: {
        name.lower(): name
        for name in (*(one for several in sets for one in several), *_OTHERS.get(kind, "").split())
    }
    for kind, sets in STRONG.items()
}
"""By kind: each identifier by its lower-cased name."""

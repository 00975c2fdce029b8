"""The keys of the Common Event Format and the columns of CommonSecurityLog that they are.

Source: https://learn.microsoft.com/azure/sentinel/cef-name-mapping
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_PLAIN = {
    "act": "DeviceAction",
    "app": "ApplicationProtocol",
    "cat": "DeviceEventCategory",
    "cnt": "EventCount",
    "deviceDirection": "CommunicationDirection",
    "deviceExternalId": "DeviceExternalID",
    "deviceProcessName": "ProcessName",
    "dhost": "DestinationHostName",
    "dmac": "DestinationMACAddress",
    "dntdom": "DestinationNTDomain",
    "dpid": "DestinationProcessId",
    "dpriv": "DestinationUserPrivileges",
    "dproc": "DestinationProcessName",
    "dpt": "DestinationPort",
    "dst": "DestinationIP",
    "dtz": "DeviceTimeZone",
    "duid": "DestinationUserID",
    "duser": "DestinationUserName",
    "dvc": "DeviceAddress",
    "dvchost": "DeviceName",
    "dvcmac": "DeviceMacAddress",
    "dvcpid": "ProcessID",
    "end": "EndTime",
    "externalId": "ExtID",
    "fileId": "FileID",
    "fname": "FileName",
    "fsize": "FileSize",
    "in": "ReceivedBytes",
    "msg": "Message",
    "oldFileId": "OldFileID",
    "out": "SentBytes",
    "outcome": "EventOutcome",
    "proto": "Protocol",
    "reason": "Reason",
    "request": "RequestURL",
    "rt": "ReceiptTime",
    "shost": "SourceHostName",
    "smac": "SourceMACAddress",
    "sntdom": "SourceNTDomain",
    "spid": "SourceProcessId",
    "spriv": "SourceUserPrivileges",
    "sproc": "SourceProcessName",
    "spt": "SourcePort",
    "src": "SourceIP",
    "start": "StartTime",
    "suid": "SourceUserID",
    "suser": "SourceUserName",
    "type": "EventType",
    # The long names of the dictionary, which some writers use.
    "baseEventCount": "EventCount",
    "bytesIn": "ReceivedBytes",
    "bytesOut": "SentBytes",
    "destinationAddress": "DestinationIP",
    "deviceReceiptTime": "ReceiptTime",
    "requestUrl": "RequestURL",
    "sourceAddress": "SourceIP",
    "transportProtocol": "Protocol",
}
_SAME = (
    *(
        "destinationDnsDomain",
        "destinationServiceName",
        "destinationTranslatedAddress",
        "destinationTranslatedPort",
    ),
    *(
        "deviceDnsDomain",
        "deviceFacility",
        "deviceInboundInterface",
        "deviceNtDomain",
        "deviceOutboundInterface",
    ),
    *(
        "devicePayloadId",
        "deviceTranslatedAddress",
        "fileCreateTime",
        "fileHash",
        "fileModificationTime",
        "filePath",
    ),
    *(
        "filePermission",
        "fileType",
        "oldFileCreateTime",
        "oldFileHash",
        "oldFileModificationTime",
        "oldFileName",
    ),
    *(
        "oldFilePath",
        "oldFilePermission",
        "oldFileSize",
        "oldFileType",
        "requestClientApplication",
        "requestContext",
    ),
    *("requestCookies", "requestMethod", "sourceDnsDomain", "sourceServiceName", "sourceTranslatedAddress"),
    *(
        "sourceTranslatedPort",
        "applicationProtocol",
        "destinationHostName",
        "destinationPort",
        "destinationUserName",
    ),
    *(
        "deviceAction",
        "deviceAddress",
        "deviceEventCategory",
        "eventOutcome",
        "fileName",
        "fileSize",
        "message",
    ),
    *("sourceHostName", "sourcePort", "sourceUserName", "startTime", "endTime"),
)
_NUMBERED = (
    *((f"cs{number}", f"DeviceCustomString{number}") for number in range(1, 7)),
    *((f"cn{number}", f"FieldDeviceCustomNumber{number}") for number in range(1, 4)),
    *((f"cfp{number}", f"DeviceCustomFloatingPoint{number}") for number in range(1, 5)),
    *((f"c6a{number}", f"DeviceCustomIPv6Address{number}") for number in range(1, 5)),
    *((f"deviceCustomDate{number}", f"DeviceCustomDate{number}") for number in range(1, 3)),
    *((f"flexString{number}", f"FlexString{number}") for number in range(1, 3)),
    *((f"flexNumber{number}", f"FlexNumber{number}") for number in range(1, 3)),
    ("flexDate1", "FlexDate1"),
)


def _map_labels() -> dict[str, str]:
    return {f"{key}Label": f"{column.removeprefix('Field')}Label" for key, column in _NUMBERED}


COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        **{name: name[0].upper() + name[1:] for name in _SAME},
        **_PLAIN,
        **dict(_NUMBERED),
        **_map_labels(),
    }
)
"""CEF key -> column."""

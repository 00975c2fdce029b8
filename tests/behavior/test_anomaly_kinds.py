"""The kinds of anomalies: an operation has one by its id and by the words that the activity log has for it."""

import pytest

from nephoscope.behavior.anomaly_kinds import find_anomaly_kind

DEFENSE, DESTRUCTION = "Anomalous Defensive Mechanism Modification", "Anomalous Data Destruction"
GRANTED, REMOVED = "Anomalous Privilege Granted", "Anomalous Account Access Removal"
OTHER = "Anomalous Administrative Operation"


@pytest.mark.parametrize(
    ("action", "name"),
    [
        ("Create role assignment", GRANTED),
        ("Microsoft.Authorization/roleAssignments/write", GRANTED),
        ("Add eligible member to role in PIM completed (permanent)", GRANTED),
        ("Delete role assignment", REMOVED),
        ("MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS/DELETE", REMOVED),
        ("Remove member from role", REMOVED),
        ("Delete management locks", DEFENSE),
        ("Microsoft.Authorization/locks/delete", DEFENSE),
        ("Delete diagnostic setting", DEFENSE),
        ("microsoft.insights/diagnosticSettings/delete", DEFENSE),
        ("Delete Network Security Group", DEFENSE),
        ("Delete policy assignment", DEFENSE),
        ("Delete conditional access policy", DEFENSE),
        ("Delete Azure Firewall", DEFENSE),
        ("Microsoft.Network/azureFirewalls/delete", DEFENSE),
        ("Delete Virtual Machine", DESTRUCTION),
        ("Microsoft.Storage/storageAccounts/blobServices/containers/delete", DESTRUCTION),
        ("Delete block storage", DESTRUCTION),
        ("Add user", "Anomalous Account Creation"),
        ("Invite external user", "Anomalous Account Creation"),
        ("Hard Delete user", "Anomalous Account Deletion"),
        ("Reset user password", "Anomalous Password Reset"),
        ("Update user", "Anomalous Account Manipulation"),
        ("Create or Update User Assigned Identity", OTHER),
        ("Delete User Assigned Identity", DESTRUCTION),
        ("Run Command on Virtual Machine", "Anomalous Code Execution"),
        ("Microsoft.Compute/virtualMachines/extensions/write", "Anomalous Code Execution"),
    ],
)
def test_the_kind_of_an_operation(action, name):
    assert find_anomaly_kind("Administrative", action).name == name


def test_another_activity_has_its_own():
    assert find_anomaly_kind("LogOn", "Delete role assignment").name == "Anomalous Sign-in"

"""Serve the endpoints of this cloud to `az cloud register`.

Source: https://learn.microsoft.com/azure-stack/user/azure-stack-version-profiles-azurecli2 (the document's shape)
"""

from __future__ import annotations

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.operation import PUBLIC, ApiSurface
from nephoscope.api.wire.response import ApiResponse

SURFACE = ApiSurface("Metadata")


@SURFACE.get("/metadata/endpoints", "Metadata_Endpoints", PUBLIC, versioned=False)
def list_endpoints(call: ApiCall) -> ApiResponse:
    """Return all endpoints of the cloud; all of them are this server."""
    host = call.base.split("://", 1)[-1]
    body = {
        "name": "nephoscope",
        "portal": call.base,
        "authentication": {
            "loginEndpoint": call.base,
            "audiences": [call.base, "https://management.core.windows.net/", "https://management.azure.com/"],
            "tenant": call.instance.tenant,
            "identityProvider": "AAD",
        },
        "graphAudience": call.base,
        "graph": call.base,
        "microsoftGraphResourceId": call.base,
        "resourceManager": call.base,
        "gallery": call.base,
        "logAnalyticsResourceId": call.base,
        "batch": call.base,
        "media": call.base,
        "sqlManagement": call.base,
        "activeDirectoryDataLake": call.base,
        "vmImageAliasDoc": "",
        "suffixes": {
            "acrLoginServer": f"azurecr.{host}", "keyVaultDns": f"vault.{host}", "sqlServerHostname": f"database.{host}",
            "storage": f"core.{host}", "azureDataLakeStoreFileSystem": f"azuredatalakestore.{host}",
            "azureDataLakeAnalyticsCatalogAndJob": f"azuredatalakeanalytics.{host}", "mysqlServerEndpoint": f"mysql.database.{host}",
            "postgresqlServerEndpoint": f"postgres.database.{host}", "mariadbServerEndpoint": f"mariadb.database.{host}",
            "synapseAnalytics": f"dev.azuresynapse.{host}", "attestationEndpoint": f"attest.{host}",
        },
    }  # fmt: skip
    return ApiResponse(body)

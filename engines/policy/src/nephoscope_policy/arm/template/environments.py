"""Values of `environment()` in each cloud.

Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-deployment#environment
"""

from __future__ import annotations

_TENANT = {"tenant": "common", "identityProvider": "AAD"}
ENVIRONMENTS: dict[str, dict[str, object]] = {
    "AzureCloud": {
        "name": "AzureCloud",
        "gallery": "https://gallery.azure.com/",
        "graph": "https://graph.windows.net/",
        "portal": "https://portal.azure.com",
        "graphAudience": "https://graph.windows.net/",
        "activeDirectoryDataLake": "https://datalake.azure.net/",
        "batch": "https://batch.core.windows.net/",
        "media": "https://rest.media.azure.net",
        "sqlManagement": "https://management.core.windows.net:8443/",
        "resourceManager": "https://management.azure.com/",
        "authentication": {
            "loginEndpoint": "https://login.microsoftonline.com/",
            "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
            **_TENANT,
        },
        "suffixes": {
            "acrLoginServer": ".azurecr.io",
            "azureDatalakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
            "azureDatalakeStoreFileSystem": "azuredatalakestore.net",
            "azureFrontDoorEndpointSuffix": "azurefd.net",
            "keyvaultDns": ".vault.azure.net",
            "sqlServerHostname": ".database.windows.net",
            "storage": "core.windows.net",
        },
    },
    "AzureUSGovernment": {
        "name": "AzureUSGovernment",
        "gallery": "https://gallery.usgovcloudapi.net/",
        "graph": "https://graph.windows.net/",
        "portal": "https://portal.azure.us",
        "graphAudience": "https://graph.windows.net/",
        "batch": "https://batch.core.usgovcloudapi.net/",
        "media": "https://rest.media.usgovcloudapi.net",
        "sqlManagement": "https://management.core.usgovcloudapi.net:8443/",
        "resourceManager": "https://management.usgovcloudapi.net/",
        "authentication": {
            "loginEndpoint": "https://login.microsoftonline.us/",
            "audiences": [
                "https://management.core.usgovcloudapi.net/",
                "https://management.usgovcloudapi.net/",
            ],
            **_TENANT,
        },
        "suffixes": {
            "acrLoginServer": ".azurecr.us",
            "azureFrontDoorEndpointSuffix": "azurefd.us",
            "keyvaultDns": ".vault.usgovcloudapi.net",
            "sqlServerHostname": ".database.usgovcloudapi.net",
            "storage": "core.usgovcloudapi.net",
        },
    },
    "AzureChinaCloud": {
        "name": "AzureChinaCloud",
        "gallery": "https://gallery.chinacloudapi.cn/",
        "graph": "https://graph.chinacloudapi.cn/",
        "portal": "https://portal.azure.cn",
        "graphAudience": "https://graph.chinacloudapi.cn/",
        "batch": "https://batch.chinacloudapi.cn/",
        "media": "https://rest.media.chinacloudapi.cn",
        "sqlManagement": "https://management.core.chinacloudapi.cn:8443/",
        "resourceManager": "https://management.chinacloudapi.cn/",
        "authentication": {
            "loginEndpoint": "https://login.chinacloudapi.cn/",
            "audiences": [
                "https://management.core.chinacloudapi.cn/",
                "https://management.chinacloudapi.cn/",
            ],
            **_TENANT,
        },
        "suffixes": {
            "acrLoginServer": ".azurecr.cn",
            "keyvaultDns": ".vault.azure.cn",
            "sqlServerHostname": ".database.chinacloudapi.cn",
            "storage": "core.chinacloudapi.cn",
        },
    },
}

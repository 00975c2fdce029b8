// A service with its storage.
param location string = resourceGroup().location
@description('Whether plain HTTP is refused.')
param httpsOnly bool = false
@allowed(['TLS1_0', 'TLS1_2'])
param tls string

resource site 'Microsoft.Storage/storageAccounts@2022-09-01' = {
  name: 'stsite'
  location: location
  sku: { name: 'Standard_LRS' }
  properties: {
    minimumTlsVersion: tls
    supportsHttpsTrafficOnly: false // for old clients
  }
}

resource logs 'Microsoft.Storage/storageAccounts@2022-09-01' = if (httpsOnly || '${location}' == 'x') {
  name: 'stlogs'
  location: location
  properties: {
    supportsHttpsTrafficOnly: httpsOnly
  }
}

module data './modules/data.bicep' = {
  name: 'data'
  params: {
    https: httpsOnly
  }
}

param https bool

resource own 'Microsoft.Storage/storageAccounts@2022-09-01' = {
  name: 'stown'
  location: 'westeurope'
  properties: { supportsHttpsTrafficOnly: false }
}
resource given 'Microsoft.Storage/storageAccounts@2022-09-01' = {
  name: 'stgiven'
  location: 'westeurope'
  properties: {
    supportsHttpsTrafficOnly: https
  }
}

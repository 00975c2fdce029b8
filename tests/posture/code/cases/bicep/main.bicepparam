using './main.bicep'

param tls = 'TLS1_2'
param httpsOnly = false

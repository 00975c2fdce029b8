SELECT coalesce("identity_claim_upn_s", '') AS "identity_claim_upn_s", "CallerIPAddress", count(*) AS "Count",
       count(DISTINCT "Resource") AS "Vaults", count(DISTINCT "httpStatusCode_d") AS "Statuses"
FROM "AzureDiagnostics"
WHERE "TimeGenerated" > $now - INTERVAL 1 DAY AND "ResourceProvider" = 'MICROSOFT.KEYVAULT' AND "Category" = 'AuditEvent'
  AND "OperationName" IN ('SecretGet', 'SecretList') AND "ResultType" <> 'Failure'
GROUP BY 1, 2
HAVING count(DISTINCT "Resource") > 1

WITH parsed AS (
    SELECT regexp_extract("msg_s", '^(.*?) request from (.*?):(\d+) to (.*?):(\d+)\. Action: (.*)$', ['p', 's', 'sp', 't', 'tp', 'a']) AS parts
    FROM "AzureDiagnostics"
    WHERE "TimeGenerated" > $now - INTERVAL 2 DAY AND "Category" = 'AzureFirewallNetworkRule'
)
SELECT parts.s AS "Source", parts.t AS "Target", count(*) AS "Count", count(DISTINCT CAST(parts.sp AS INTEGER)) AS "Ports"
FROM parsed
WHERE parts.a = 'Deny'
GROUP BY 1, 2
ORDER BY "Count" DESC, "Source", "Target"
LIMIT 500

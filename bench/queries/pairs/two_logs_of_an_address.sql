WITH rows AS (
    SELECT "TimeGenerated", "IPAddress" AS address, coalesce("AppDisplayName", '') AS what
    FROM "SigninLogs" WHERE "TimeGenerated" > $now - INTERVAL 2 DAY AND "ResultType" <> '0'
    UNION ALL
    SELECT "TimeGenerated", "IpAddress", "Computer"
    FROM "SecurityEvent" WHERE "TimeGenerated" > $now - INTERVAL 2 DAY AND "EventID" = 4625
)
SELECT address AS "Address", count(*) AS "Count", count(DISTINCT what) AS "Things", max("TimeGenerated") AS "Last"
FROM rows
WHERE starts_with(address, '10.1.')
GROUP BY 1
HAVING count(DISTINCT what) >= 2

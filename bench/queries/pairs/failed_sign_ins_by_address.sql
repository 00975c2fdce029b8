SELECT coalesce("IPAddress", '') AS "IPAddress", count(*) AS "Attempts",
       count(DISTINCT coalesce("UserPrincipalName", '')) AS "Users",
       min("TimeGenerated") AS "First", max("TimeGenerated") AS "Last"
FROM "SigninLogs"
WHERE "TimeGenerated" > $now - INTERVAL 1 DAY AND "ResultType" IN ('50126', '50053', '50074')
GROUP BY 1
HAVING count(DISTINCT coalesce("UserPrincipalName", '')) > 2

WITH recent AS (
    SELECT coalesce("UserPrincipalName", '') AS "UserPrincipalName", "Location", count(*) AS "Count",
           count(DISTINCT "IPAddress") AS "Addresses"
    FROM "SigninLogs"
    WHERE "TimeGenerated" > $now - INTERVAL 1 DAY AND "ResultType" = '0'
    GROUP BY 1, 2
)
SELECT * FROM recent
WHERE NOT EXISTS (
    SELECT 1 FROM "SigninLogs" AS known
    WHERE known."TimeGenerated" BETWEEN $now - INTERVAL 14 DAY AND $now - INTERVAL 1 DAY AND known."ResultType" = '0'
      AND coalesce(known."UserPrincipalName", '') = recent."UserPrincipalName" AND known."Location" = recent."Location"
)

WITH failures AS (
    SELECT "IPAddress" AS address, count(*) AS failures, max("TimeGenerated") AS last_failure
    FROM "SigninLogs"
    WHERE "TimeGenerated" > $now - INTERVAL 1 DAY AND "ResultType" = '50126'
    GROUP BY 1
)
SELECT address AS "IPAddress", min(s."TimeGenerated") AS "Success", max(failures) AS "Failures",
       count(DISTINCT coalesce(s."UserPrincipalName", '')) AS "Users"
FROM "SigninLogs" AS s
JOIN failures ON s."IPAddress" = address
WHERE s."TimeGenerated" > $now - INTERVAL 1 DAY AND s."ResultType" = '0' AND s."TimeGenerated" > last_failure
GROUP BY 1

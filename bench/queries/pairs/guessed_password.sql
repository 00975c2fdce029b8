WITH failures AS (
    SELECT coalesce("UserPrincipalName", '') AS who, "IPAddress" AS address, count(*) AS failures,
           max("TimeGenerated") AS last_failure
    FROM "SigninLogs"
    WHERE "TimeGenerated" > $now - INTERVAL 1 DAY AND "ResultType" = '50126'
    GROUP BY 1, 2
)
SELECT who AS "UserPrincipalName", address AS "IPAddress", min(s."TimeGenerated") AS "Success", max(failures) AS "Failures"
FROM "SigninLogs" AS s
JOIN failures ON coalesce(s."UserPrincipalName", '') = who AND s."IPAddress" = address
WHERE s."TimeGenerated" > $now - INTERVAL 1 DAY AND s."ResultType" = '0' AND s."TimeGenerated" > last_failure
GROUP BY 1, 2

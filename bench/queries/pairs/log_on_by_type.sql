SELECT coalesce("Account", '') AS "Account",
       CASE WHEN "LogonType" = 2 THEN 'interactive' WHEN "LogonType" = 3 THEN 'network' WHEN "LogonType" = 10 THEN 'remote'
            WHEN "LogonType" IS NULL THEN 'none' ELSE 'other' END AS "Kind",
       count(*) FILTER (WHERE "EventID" = 4625) AS "Failed", count(*) FILTER (WHERE "EventID" = 4624) AS "Succeeded",
       count(DISTINCT "Computer") AS "Machines"
FROM "SecurityEvent"
WHERE "TimeGenerated" > $now - INTERVAL 14 DAY AND "EventID" IN (4624, 4625)
GROUP BY 1, 2
HAVING "Failed" > "Succeeded" * 2 AND "Failed" > 5

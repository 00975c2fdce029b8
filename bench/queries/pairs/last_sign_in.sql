SELECT coalesce("UserPrincipalName", '') AS "UserPrincipalName", max("TimeGenerated") AS "TimeGenerated",
       arg_max("IPAddress", "TimeGenerated") AS "IPAddress", arg_max("Location", "TimeGenerated") AS "Location",
       arg_max("ResultType", "TimeGenerated") AS "ResultType", count(*) AS "Count"
FROM "SigninLogs"
WHERE "TimeGenerated" > $now - INTERVAL 14 DAY AND lower("AppDisplayName") = 'azure portal'
GROUP BY 1
ORDER BY "Count" DESC, "UserPrincipalName"
LIMIT 1000

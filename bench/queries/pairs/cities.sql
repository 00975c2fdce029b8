SELECT json_extract_string("LocationDetails", '$.city') AS "City",
       time_bucket(INTERVAL 1 DAY, "TimeGenerated", TIMESTAMPTZ '2000-01-01 00:00:00+00') AS "TimeGenerated",
       count(DISTINCT coalesce("UserPrincipalName", '')) AS "Users", count(*) AS "Count"
FROM "SigninLogs"
WHERE "TimeGenerated" > $now - INTERVAL 7 DAY AND json_extract_string("LocationDetails", '$.city') <> ''
GROUP BY 1, 2

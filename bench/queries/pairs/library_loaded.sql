SELECT lower("Computer") AS "Computer", count(*) AS "Count",
       max(TRY_CAST(nullif(regexp_extract("CommandLine", 'arg(\d+)', 1), '') AS INTEGER)) AS "Highest"
FROM "SecurityEvent"
WHERE "TimeGenerated" > $now - INTERVAL 7 DAY AND "EventID" = 4688
  AND (contains(lower("CommandLine"), 'äö.dll') OR starts_with(lower("CommandLine"), 'cmd.exe'))
GROUP BY 1

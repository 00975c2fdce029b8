SELECT "Computer", count(*) AS "Count", CAST(least(count(DISTINCT coalesce("Account", '')), 50) AS BIGINT) AS "Accounts"
FROM "SecurityEvent"
WHERE "TimeGenerated" > $now - INTERVAL 14 DAY AND "EventID" = 4688
  AND "CommandLine" ILIKE '%powershell%'
  AND regexp_matches("CommandLine", '(?i)(^|[^\pL\pN])powershell($|[^\pL\pN])')
  AND ("CommandLine" ILIKE '%invoke-webrequest%' OR "CommandLine" ILIKE '%enc%')
  AND regexp_matches("CommandLine", '(?i)(^|[^\pL\pN])(invoke-webrequest|enc)($|[^\pL\pN])')
GROUP BY 1

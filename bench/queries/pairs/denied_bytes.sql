WITH parsed AS (
    SELECT "TimeGenerated", regexp_extract("Message", '^user=(\d+) action=(.*?) bytes=(\d+)$', ['u', 'a', 'b']) AS parts
    FROM "SecurityEvent"
    WHERE "TimeGenerated" > $now - INTERVAL 3 DAY
)
SELECT CAST(parts.u AS BIGINT) AS "User",
       time_bucket(INTERVAL 1 HOUR, "TimeGenerated", TIMESTAMPTZ '2000-01-01 00:00:00+00') AS "Hour",
       CAST(sum(CAST(parts.b AS BIGINT)) AS BIGINT) AS "Total", count(*) AS "Count"
FROM parsed
WHERE lower(parts.a) = 'deny'
GROUP BY 1, 2
HAVING sum(CAST(parts.b AS BIGINT)) > 100000

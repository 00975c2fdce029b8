WITH expanded AS (
    SELECT coalesce("UserPrincipalName", '') AS who, coalesce("AppDisplayName", '') AS app,
           unnest(json_extract("ConditionalAccessPolicies", '$[*]')) AS policy
    FROM "SigninLogs"
    WHERE "TimeGenerated" > $now - INTERVAL 3 DAY
)
SELECT json_extract_string(policy, '$.displayName') AS "PolicyName", app AS "AppDisplayName",
       count(DISTINCT who) AS "Users", count(*) AS "Count"
FROM expanded
WHERE json_extract_string(policy, '$.result') = 'failure'
GROUP BY 1, 2

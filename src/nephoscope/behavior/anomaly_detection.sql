-- From observations (`observed`) to what is unusual about them. `base` and `recent` are the profiles, `dimensions` and `peers` are given.

-- an observation and dimension a row
CREATE TEMP TABLE long AS
SELECT event, kind, entity, ok, day, time, dimension, value
FROM (UNPIVOT (SELECT event, kind, entity, ok, day, time, {columns} FROM observed) ON {columns} INTO NAME dimension VALUE value)
WHERE value <> '';

-- what they teach: the first moment of a value on a day; the value '' stands for any; failures are kept apart
CREATE TEMP TABLE taught AS
SELECT kind, entity, dimension, value, day, min(time) AS first FROM long WHERE ok GROUP BY ALL
UNION ALL
SELECT kind, entity, dimension, '', day, min(time) FROM long WHERE ok GROUP BY kind, entity, dimension, day
UNION ALL
SELECT kind, entity, '{tried}' || dimension, value, day, min(time) FROM long WHERE NOT ok
GROUP BY kind, entity, dimension, value, day;

CREATE TEMP TABLE fresh AS
SELECT t.* FROM taught t ANTI JOIN recent r
ON r.kind = t.kind AND r.entity = t.entity AND r.dimension = t.dimension AND r.value = t.value AND r.day = t.day
  AND r.first <= t.first;

CREATE TEMP VIEW lately AS SELECT * FROM recent UNION ALL SELECT * FROM fresh;

CREATE TEMP VIEW seen AS
SELECT kind, entity, dimension, value, span, bits FROM base
UNION ALL
SELECT kind, entity, dimension, value, day // {span}, 1::BIGINT << (day % {span})::INT FROM lately
WHERE NOT starts_with(dimension, '{tried}');

CREATE TEMP TABLE keys AS SELECT DISTINCT kind, entity, dimension, value, day FROM long;

-- the days of each value asked for, and of each dimension of each entity asked for
CREATE TEMP TABLE own AS
SELECT kind, entity, dimension, value, span, bit_or(bits) AS bits
FROM seen SEMI JOIN keys USING (kind, entity, dimension, value) GROUP BY ALL;

CREATE TEMP TABLE active AS
SELECT kind, entity, dimension, span, bit_or(bits) AS bits
FROM (SELECT * FROM seen WHERE value = '') SEMI JOIN keys USING (kind, entity, dimension) GROUP BY ALL;

-- how far back the tenant's knowledge of a dimension reaches
CREATE TEMP TABLE began AS
SELECT kind, dimension, min(oldest(span, bits)) AS day FROM seen WHERE value = '' GROUP BY ALL;

CREATE TEMP TABLE entities AS
SELECT k.kind, k.entity, k.day,
  coalesce(sum(bit_count(a.bits & mask(a.span, k.day - {longest}, k.day))), 0)::INT AS days,
  min(oldest(a.span, a.bits & mask(a.span, k.day - {longest}, k.day))) AS since
FROM (SELECT DISTINCT kind, entity, day FROM keys) k
LEFT JOIN active a ON a.kind = k.kind AND a.entity = k.entity AND a.dimension = '{activity}'
GROUP BY ALL;

CREATE TEMP TABLE busy AS
SELECT k.kind, k.entity, k.dimension, k.day,
  coalesce(sum(bit_count(a.bits & mask(a.span, k.day - d.lookback, k.day))), 0)::INT AS days,
  coalesce(sum(bit_count(a.bits & mask(a.span, k.day - {recent}, k.day))), 0)::INT AS recent
FROM (SELECT DISTINCT kind, entity, dimension, day FROM keys) k JOIN dimensions d USING (dimension)
LEFT JOIN active a ON a.kind = k.kind AND a.entity = k.entity AND a.dimension = k.dimension
GROUP BY ALL;

CREATE TEMP TABLE shown AS
SELECT k.kind, k.entity, k.dimension, k.value, k.day,
  coalesce(sum(bit_count(o.bits & mask(o.span, k.day - d.lookback, k.day))), 0)::INT AS days,
  coalesce(sum(bit_count(o.bits & mask(o.span, k.day - {recent}, k.day))), 0)::INT AS recent,
  max(newest(o.span, o.bits & mask(o.span, k.day - d.lookback, k.day))) AS last
FROM keys k JOIN dimensions d USING (dimension)
LEFT JOIN own o ON o.kind = k.kind AND o.entity = k.entity AND o.dimension = k.dimension AND o.value = k.value
GROUP BY ALL;

-- what is unusual for its entity, where there is enough history to say so
CREATE TEMP TABLE unusual AS
SELECT s.*, b.days AS active, b.recent AS recent_active, least(s.day - g.day, {longest}) AS history, d.lookback,
  coalesce(e.days >= $active_days AND s.day - e.since >= $learning_days, false) AS learned
FROM shown s JOIN dimensions d USING (dimension)
JOIN busy b USING (kind, entity, dimension, day)
JOIN entities e USING (kind, entity, day)
JOIN began g USING (kind, dimension)
WHERE s.day - g.day >= $learning_days
  AND (s.days = 0 OR (b.recent >= $active_days AND s.recent <= {uncommon} * b.recent));

-- who else: everybody of the kind, before the day; and those who came earlier on the day
CREATE TEMP TABLE wanted AS
SELECT DISTINCT kind, dimension, value, day, lookback FROM unusual
UNION
SELECT DISTINCT kind, 'Address', value, day, {address} FROM long WHERE dimension = 'Address';

CREATE TEMP TABLE before AS
SELECT kind, dimension, value, day, entity, sum(bit_count(bits))::BIGINT AS days
FROM (
  SELECT w.kind, w.dimension, w.value, w.day, s.entity, s.span, bit_or(s.bits & mask(s.span, w.day - w.lookback, w.day)) AS bits
  FROM wanted w JOIN seen s ON s.kind = w.kind AND s.dimension = w.dimension AND s.value = w.value
  GROUP BY ALL)
WHERE bits <> 0
GROUP BY ALL;

CREATE TEMP TABLE company AS
SELECT kind, dimension, value, day, count(*)::INT AS users, sum(days)::BIGINT AS days FROM before GROUP BY ALL;

CREATE TEMP TABLE today AS
SELECT kind, dimension, value, day, entity,
  row_number() OVER (PARTITION BY kind, dimension, value, day ORDER BY first, entity) - 1 AS before
FROM (
  SELECT kind, entity, dimension, value, day, min(first) AS first
  FROM lately SEMI JOIN wanted USING (kind, dimension, value, day)
  ANTI JOIN before USING (kind, dimension, value, day, entity) GROUP BY ALL);

CREATE TEMP TABLE everybody AS
SELECT t.kind, t.dimension, t.day, count(DISTINCT s.entity)::INT AS users,
  coalesce(sum(bit_count(s.bits & mask(s.span, t.day - t.lookback, t.day))), 0)::BIGINT AS days
FROM (SELECT DISTINCT kind, dimension, day, lookback FROM wanted) t
JOIN (SELECT kind, dimension, entity, span, bit_or(bits) AS bits FROM seen WHERE value = '' GROUP BY ALL) s
ON s.kind = t.kind AND s.dimension = t.dimension AND s.bits & mask(s.span, t.day - t.lookback, t.day) <> 0
GROUP BY ALL;

-- peers, for what is unusual
CREATE TEMP TABLE asked AS
SELECT DISTINCT u.entity, u.dimension, u.value, u.day, u.lookback, p.peer
FROM unusual u JOIN peers p ON p.entity = u.entity WHERE u.kind = 'user';

CREATE TEMP TABLE answered AS
SELECT a.entity, a.dimension, a.value, a.day, s.entity AS peer, s.value AS shown, s.span,
  bit_or(s.bits & mask(s.span, a.day - a.lookback, a.day)) AS bits
FROM asked a JOIN seen s ON s.kind = 'user' AND s.entity = a.peer AND s.dimension = a.dimension AND s.value IN ('', a.value)
GROUP BY ALL;

CREATE TEMP TABLE among AS
SELECT 'user' AS kind, entity, dimension, value, day,
  count(DISTINCT peer) FILTER (shown = '')::INT AS peers,
  coalesce(sum(bit_count(bits)) FILTER (shown = ''), 0)::INT AS peer_active,
  count(DISTINCT peer) FILTER (shown <> '')::INT AS peer_users,
  coalesce(sum(bit_count(bits)) FILTER (shown <> ''), 0)::INT AS peer_days
FROM answered WHERE bits <> 0 GROUP BY ALL;

-- which observation tells it: the first of the day that shows the value, of failures only until one succeeds
CREATE TEMP TABLE firsts AS
SELECT kind, entity, dimension, value, day, min(first) AS first
FROM lately SEMI JOIN (
  SELECT kind, entity, dimension, value, day FROM unusual
  UNION ALL
  SELECT kind, entity, '{tried}' || dimension, value, day FROM unusual) USING (kind, entity, dimension, value, day)
GROUP BY ALL;

CREATE TEMP TABLE folded AS
SELECT kind, entity, dimension, value, span, bit_or(bits) AS bits
FROM base SEMI JOIN unusual USING (kind, entity, dimension, value) GROUP BY ALL;

CREATE TEMP TABLE told AS
SELECT l.event, l.dimension, l.value
FROM long l JOIN unusual u USING (kind, entity, dimension, value, day)
LEFT JOIN firsts f
ON f.kind = l.kind AND f.entity = l.entity AND f.dimension = l.dimension AND f.value = l.value AND f.day = l.day
LEFT JOIN firsts t
ON t.kind = l.kind AND t.entity = l.entity AND t.dimension = '{tried}' || l.dimension AND t.value = l.value AND t.day = l.day
LEFT JOIN folded b
ON b.kind = l.kind AND b.entity = l.entity AND b.dimension = l.dimension AND b.value = l.value AND b.span = l.day // {span}
WHERE coalesce(b.bits & (1::BIGINT << (l.day % {span})::INT), 0) = 0
  AND CASE WHEN l.ok THEN l.time <= f.first ELSE l.time <= t.first AND (f.first IS NULL OR l.time < f.first) END;

SELECT t.event, u.dimension, u.value, u.days, u.active, u.recent, u.recent_active, u.day - u.last AS last, u.history, u.learned,
  coalesce(a.peers, 0) AS peers, coalesce(a.peer_users, 0) AS peer_users, coalesce(a.peer_days, 0) AS peer_days,
  coalesce(a.peer_active, 0) AS peer_active,
  greatest(coalesce(e.users, 0) - (u.active > 0)::INT, 0) AS others,
  greatest(coalesce(c.users, 0) - (u.days > 0)::INT, 0) + coalesce(d.before, 0) AS other_users,
  greatest(coalesce(c.days, 0) - u.days, 0) + coalesce(d.before, 0) AS other_days,
  greatest(coalesce(e.days, 0) - u.active, 0) + coalesce(d.before, 0) AS other_active
FROM told t JOIN observed o ON o.event = t.event
JOIN unusual u
ON u.kind = o.kind AND u.entity = o.entity AND u.day = o.day AND u.dimension = t.dimension AND u.value = t.value
LEFT JOIN among a
ON a.kind = u.kind AND a.entity = u.entity AND a.dimension = u.dimension AND a.value = u.value AND a.day = u.day
LEFT JOIN company c ON c.kind = u.kind AND c.dimension = u.dimension AND c.value = u.value AND c.day = u.day
LEFT JOIN everybody e ON e.kind = u.kind AND e.dimension = u.dimension AND e.day = u.day
LEFT JOIN today d
ON d.kind = u.kind AND d.dimension = u.dimension AND d.value = u.value AND d.day = u.day AND d.entity = u.entity
ORDER BY t.event, u.dimension

SELECT o.*, greatest(coalesce(c.users, 0) - (w.entity IS NOT NULL)::INT, 0)::INT AS sharing, e.days AS active_days
FROM observed o SEMI JOIN told t ON t.event = o.event
LEFT JOIN company c ON c.kind = o.kind AND c.dimension = 'Address' AND c.value = o."Address" AND c.day = o.day
LEFT JOIN shown w
ON w.kind = o.kind AND w.entity = o.entity AND w.dimension = 'Address' AND w.value = o."Address" AND w.day = o.day AND w.days > 0
LEFT JOIN entities e ON e.kind = o.kind AND e.entity = o.entity AND e.day = o.day
ORDER BY o.event

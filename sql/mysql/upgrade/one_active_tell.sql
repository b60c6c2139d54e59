-- Which models the statement of one_active.sql changes, and to what.
SELECT CONCAT('model ', m.model_id, ' (registry_id ', m.registry_id, ', status ', m.status, ', is_production ',
              m.is_production, ') is ',
              CASE WHEN newest.registry_id IS NOT NULL THEN 'active'
                   WHEN m.status = 'active' THEN 'archived: a newer one is active'
                   ELSE CONCAT(m.status, ' and no more in production') END)
FROM ml_model_registry m
LEFT JOIN (
    SELECT registry_id FROM ml_model_registry
    WHERE status = 'active' OR is_production <> 0
    ORDER BY COALESCE({{instants}}) DESC, (status = 'active' AND is_production <> 0) DESC, registry_id DESC
    LIMIT 1
) newest ON newest.registry_id = m.registry_id
WHERE (m.status = 'active' OR m.is_production <> 0)
  AND NOT (newest.registry_id IS NOT NULL AND m.status = 'active' AND m.is_production = 1)
ORDER BY m.registry_id

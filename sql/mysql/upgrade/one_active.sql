-- One model is in production. Of those that say they are, the newest stays ({{instants}}: the instants that the
-- table has); of one age the one that says so twice, by status and by flag. The others are archived.
UPDATE ml_model_registry m
LEFT JOIN (
    SELECT registry_id FROM ml_model_registry
    WHERE status = 'active' OR is_production <> 0
    ORDER BY COALESCE({{instants}}) DESC, (status = 'active' AND is_production <> 0) DESC, registry_id DESC
    LIMIT 1
) newest ON newest.registry_id = m.registry_id
SET m.status = CASE WHEN newest.registry_id IS NOT NULL THEN 'active'
                    WHEN m.status = 'active' THEN 'archived' ELSE m.status END,
    m.is_production = CASE WHEN newest.registry_id IS NOT NULL THEN 1 ELSE 0 END{{kept}}
WHERE (m.status = 'active' OR m.is_production <> 0)
  AND NOT (newest.registry_id IS NOT NULL AND m.status = 'active' AND m.is_production = 1)

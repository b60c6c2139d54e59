-- The model to roll back to: of the archived ones that were once active, the one activated last. One that another
-- tool registered without an artifact classifies nothing.
SELECT model_id
FROM ml_model_registry
WHERE status = 'archived' AND activated_at IS NOT NULL AND artifact IS NOT NULL
ORDER BY activated_at DESC, registry_id DESC
LIMIT 1

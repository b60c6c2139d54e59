-- First half of an activation: must affect the one model that the caller saw as active.
UPDATE ml_model_registry
SET status = 'archived', is_production = 0, archived_at = :now, updated_at = :now
WHERE model_id = :model_id AND status = 'active'

-- Second half of an activation: must affect one archived or freshly trained model. The unique key on
-- the active marker refuses it while another model is active.
UPDATE ml_model_registry
SET status = 'active', is_production = 1, activated_at = :now, archived_at = NULL, updated_at = :now
WHERE model_id = :model_id AND status IN ('archived', 'training')

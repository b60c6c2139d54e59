-- Moves a model that is in status :from to 'deprecated' or 'failed', with the reason kept beside it.
UPDATE ml_model_registry
SET status = :to, is_production = 0, archived_at = :now, updated_at = :now, performance_notes = :reason
WHERE model_id = :model_id AND status = :from

-- Changes nothing, and affects one row while the model is the one in production: a window's transaction
-- begins with it, so that no window is written by a model that has been replaced.
UPDATE ml_model_registry
SET is_production = is_production
WHERE model_id = :model_id AND is_production = 1

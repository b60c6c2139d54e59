-- The artifact of one model and the checksum it was registered with.
SELECT artifact, artifact_sha256
FROM ml_model_registry
WHERE model_id = :model_id
ORDER BY registry_id

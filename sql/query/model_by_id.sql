-- One registry row, whole.
SELECT model_id, model_name, model_version, status, is_production, trained_at, activated_at, archived_at,
       training_duration_sec, training_workouts_count, training_date_start, training_date_end, training_features,
       silhouette_score, inertia, cluster_distribution, confidence_stats, n_clusters, algorithm_type, hyperparameters,
       cluster_to_activity_map, activity_type_stats, parent_model_id, created_by, created_at, updated_at,
       training_notes, performance_notes, artifact_sha256, training_data_sha256
FROM ml_model_registry
WHERE model_id = :model_id
ORDER BY registry_id

-- A protected workout: a person's label stands; what the model would have said is recorded beside it.
ON DUPLICATE KEY UPDATE
    original_ml_classification = VALUES(original_ml_classification), last_updated = VALUES(last_updated)

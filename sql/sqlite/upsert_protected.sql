-- A protected workout: a person's label stands; what the model would have said is recorded beside it.
ON CONFLICT (workout_id) DO UPDATE SET
    original_ml_classification = excluded.original_ml_classification, last_updated = excluded.last_updated

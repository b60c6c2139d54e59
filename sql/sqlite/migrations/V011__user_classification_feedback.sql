-- What people said of classifications. user_certainty 1 (a guess) to 5 (sure) is the weight of the
-- row in training. `processed` is set by the activation of the model that learned from it.
CREATE TABLE IF NOT EXISTS user_classification_feedback (
    feedback_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    workout_id TEXT NOT NULL CHECK (length(workout_id) <= 20),
    ai_classification TEXT NULL CHECK (length(ai_classification) <= 50),
    ai_confidence REAL NULL,
    user_classification TEXT NULL CHECK (length(user_classification) <= 50),
    feedback_type TEXT NOT NULL CHECK (feedback_type IN ('accept', 'reject', 'correct', 'uncertain')),
    user_certainty INTEGER NULL,
    comments TEXT NULL,
    model_id TEXT NULL CHECK (length(model_id) <= 100),
    classification_method TEXT NULL CHECK (length(classification_method) <= 100),
    user_id TEXT NULL CHECK (length(user_id) <= 100),
    submitted_at TEXT NOT NULL,
    ip_address TEXT NULL CHECK (length(ip_address) <= 45),
    processed INTEGER NOT NULL DEFAULT 0,
    processed_at TEXT NULL,
    incorporated_in_model TEXT NULL CHECK (length(incorporated_in_model) <= 100),
    CONSTRAINT fk_feedback_workout FOREIGN KEY (workout_id)
        REFERENCES workout_summary (workout_id) ON DELETE RESTRICT ON UPDATE RESTRICT,
    CONSTRAINT chk_feedback_certainty CHECK (user_certainty BETWEEN 1 AND 5),
    CONSTRAINT chk_feedback_processed CHECK (processed IN (0, 1))
) STRICT;

CREATE INDEX IF NOT EXISTS idx_feedback_workout ON user_classification_feedback (workout_id);
CREATE INDEX IF NOT EXISTS idx_feedback_processed ON user_classification_feedback (processed);
CREATE INDEX IF NOT EXISTS idx_feedback_submitted ON user_classification_feedback (submitted_at);

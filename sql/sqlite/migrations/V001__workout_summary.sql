-- The workouts. Where this table is already there it belongs to somebody else and stays as it is;
-- this file is then not run at all. Units: miles, seconds, minutes per mile,
-- kilocalories. WITHOUT ROWID: the file is then in key order, which is the order of every full read.
-- STRICT, and a length check for each VARCHAR of the other server: both refuse the same rows.
CREATE TABLE IF NOT EXISTS workout_summary (
    workout_id TEXT NOT NULL CHECK (length(workout_id) <= 20),
    workout_date TEXT NULL,
    activity_type TEXT NULL CHECK (length(activity_type) <= 50),
    kcal_burned INTEGER NULL,
    distance_mi REAL NULL,
    duration_sec REAL NULL,
    avg_pace REAL NULL,
    max_pace REAL NULL,
    steps INTEGER NULL,
    link TEXT NULL CHECK (length(link) <= 100),
    PRIMARY KEY (workout_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS idx_workout_summary_date ON workout_summary (workout_date);

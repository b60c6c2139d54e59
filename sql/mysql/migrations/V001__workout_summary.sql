-- The workouts. Where this table is already there it belongs to somebody else and stays as it is;
-- this file is then not run at all. Units: miles, seconds, minutes per mile, kilocalories.
-- DOUBLE, not FLOAT: MySQL prints a FLOAT with six significant digits, so what is read is not what
-- was written. utf8mb4_bin: workout ids are compared by bytes, as SQLite does.
CREATE TABLE IF NOT EXISTS workout_summary (
    workout_id VARCHAR(20) NOT NULL,
    workout_date DATETIME NULL,
    activity_type VARCHAR(50) NULL,
    kcal_burned BIGINT NULL,
    distance_mi DOUBLE NULL,
    duration_sec DOUBLE NULL,
    avg_pace DOUBLE NULL,
    max_pace DOUBLE NULL,
    steps BIGINT NULL,
    link VARCHAR(100) NULL,
    PRIMARY KEY (workout_id),
    KEY idx_workout_summary_date (workout_date)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

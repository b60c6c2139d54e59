-- The marker of each committed chunk, written in the chunk's own transaction: a run that comes after
-- a crash does the chunks that have none. segment_id is NULL where a chunk changed nothing. The ids are
-- bounds for people to read, not references.
CREATE TABLE IF NOT EXISTS pipeline_chunks (
    run_id TEXT NOT NULL CHECK (length(run_id) <= 64),
    chunk_no INTEGER NOT NULL,
    window_from TEXT NULL,
    window_to TEXT NULL,
    first_workout_id TEXT NULL CHECK (length(first_workout_id) <= 20),
    last_workout_id TEXT NULL CHECK (length(last_workout_id) <= 20),
    rows_written INTEGER NOT NULL,
    segment_id INTEGER NULL,
    committed_at TEXT NOT NULL,
    PRIMARY KEY (run_id, chunk_no),
    CONSTRAINT fk_pipeline_chunks_run FOREIGN KEY (run_id)
        REFERENCES pipeline_runs (run_id) ON DELETE RESTRICT ON UPDATE RESTRICT
) STRICT, WITHOUT ROWID;

-- The marker of each committed chunk, written in the chunk's own transaction: a run that comes after
-- a crash does the chunks that have none. segment_id is NULL where a chunk changed nothing. The ids are
-- bounds for people to read, not references.
CREATE TABLE IF NOT EXISTS pipeline_chunks (
    run_id VARCHAR(64) NOT NULL,
    chunk_no INT NOT NULL,
    window_from DATETIME NULL,
    window_to DATETIME NULL,
    first_workout_id VARCHAR(20) NULL,
    last_workout_id VARCHAR(20) NULL,
    rows_written BIGINT NOT NULL,
    segment_id BIGINT NULL,
    committed_at DATETIME(6) NOT NULL,
    PRIMARY KEY (run_id, chunk_no),
    CONSTRAINT fk_pipeline_chunks_run FOREIGN KEY (run_id)
        REFERENCES pipeline_runs (run_id) ON DELETE RESTRICT ON UPDATE RESTRICT
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

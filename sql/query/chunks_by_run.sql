-- The committed transactions of one run, in order.
SELECT chunk_no, first_workout_id, last_workout_id, rows_written, segment_id, committed_at
FROM pipeline_chunks
WHERE run_id = :run_id
ORDER BY chunk_no

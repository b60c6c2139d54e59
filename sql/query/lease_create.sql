-- The first acquisition of a pipeline; a duplicate means that another process was first.
INSERT INTO pipeline_lease
    (pipeline, fence, holder, run_id, process, acquired_at, heartbeat_at, expires_at, writes)
VALUES (:pipeline, 1, :holder, :run_id, :process, :now, :now, :expires_at, 0)

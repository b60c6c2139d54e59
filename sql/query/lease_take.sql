-- A later acquisition. Must affect one row: none means that the lease is no longer as it was seen,
-- because another process took it, or its holder has shown life after all.
UPDATE pipeline_lease
SET fence = fence + 1, holder = :holder, run_id = :run_id, process = :process, acquired_at = :now,
    heartbeat_at = :now, expires_at = :expires_at, writes = 0
WHERE pipeline = :pipeline AND fence = :fence AND heartbeat_at = :seen_heartbeat

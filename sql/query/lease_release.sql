-- The run is over. The row stays for its fence.
UPDATE pipeline_lease
SET holder = NULL, run_id = NULL, process = NULL, heartbeat_at = :now, expires_at = :now
WHERE pipeline = :pipeline AND fence = :fence

-- A sign of life. No row: the lease has passed to another run.
UPDATE pipeline_lease
SET heartbeat_at = :now, expires_at = :expires_at
WHERE pipeline = :pipeline AND fence = :fence AND holder IS NOT NULL

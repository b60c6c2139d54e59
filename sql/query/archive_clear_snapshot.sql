-- Takes back the snapshot of an archive that was never sealed: a killed attempt's.
DELETE FROM audit_snapshot
WHERE archive_id = :archive_id

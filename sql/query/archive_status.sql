-- Moves an archive on from one status to another, or marks that a step of the present one was made.
UPDATE archive_status
SET status = :next, updated_at = :now
WHERE archive_id = :archive_id AND status = :seen

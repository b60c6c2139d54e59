-- The first segment that was not sealed before :before; NULL where all were.
SELECT MIN(segment_id)
FROM audit_segments
WHERE sealed_at >= :before
ORDER BY 1

-- The last sealed segment; none on a fresh store.
SELECT segment_id, head
FROM audit_segments
ORDER BY segment_id DESC
LIMIT 1

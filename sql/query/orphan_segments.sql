-- Segments that the lists beside the chain know and the chain does not.
SELECT segment_id FROM audit_leaves WHERE segment_id NOT IN (SELECT segment_id FROM audit_segments)
UNION
SELECT segment_id FROM audit_adopted WHERE segment_id NOT IN (SELECT segment_id FROM audit_segments)
ORDER BY 1

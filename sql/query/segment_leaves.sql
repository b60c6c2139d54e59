-- The list of leaves that segment :segment_id was sealed over, part by part.
SELECT leaves
FROM audit_leaves
WHERE segment_id = :segment_id
ORDER BY part_no

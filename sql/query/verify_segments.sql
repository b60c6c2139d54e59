-- The chain, in order.
SELECT segment_id, row_count, merkle_root, prev_head, head, encoding_version
FROM audit_segments
ORDER BY segment_id

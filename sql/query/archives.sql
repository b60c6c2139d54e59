-- Every archive with where its rows are; without a status, which only tampering leaves so, they are not in the table.
SELECT a.archive_id, a.segment_id, a.first_segment, a.last_segment, a.head, a.row_count, a.newest_at, a.file_name,
       a.file_bytes, a.file_sha256, a.snapshot_rows, a.snapshot_root, a.made_at,
       COALESCE(s.status, 'archived') AS status, COALESCE(s.folder, '') AS folder, s.updated_at
FROM audit_archives a
LEFT JOIN archive_status s ON s.archive_id = a.archive_id
ORDER BY a.archive_id

-- How many history rows are without a segment, and how many of those have been adopted and not archived. Where rows
-- are on their way into a file or out of it, the first is the larger, which costs a look and no more.
SELECT (SELECT COUNT(*) FROM workout_classification_history WHERE segment_id IS NULL),
       (SELECT COALESCE(SUM(r.last_history_id - r.first_history_id + 1), 0)
        FROM audit_adopted r
        WHERE NOT EXISTS (
            SELECT 1
            FROM audit_archives a
            JOIN archive_status s ON s.archive_id = a.archive_id
            WHERE s.status <> 'restored' AND r.segment_id BETWEEN a.first_segment AND a.last_segment))

-- Every refused row, oldest first.
SELECT quarantine_id, source, line, reason, raw, quarantined_at
FROM quarantined_rows
ORDER BY quarantine_id

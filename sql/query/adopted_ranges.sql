-- Which segment adopted which rows of others: ranges of history_id, first and last inclusive.
SELECT first_history_id, last_history_id, segment_id
FROM audit_adopted
ORDER BY first_history_id

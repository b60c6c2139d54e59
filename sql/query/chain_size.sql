-- How many segments the chain has, and how many history rows they seal.
SELECT COUNT(*), COALESCE(SUM(row_count), 0)
FROM audit_segments

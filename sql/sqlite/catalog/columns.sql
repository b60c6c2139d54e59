-- Every column of every table of this file, in the tables' order.
SELECT m.name, p.name
FROM sqlite_schema m, pragma_table_xinfo(m.name) p
WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND p.hidden = 0
ORDER BY m.name, p.cid

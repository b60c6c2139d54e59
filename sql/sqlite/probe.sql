-- What `doctor` asks of an embedded store, in the columns that the servers answer.
SELECT 'SQLite ' || sqlite_version(), '+00:00', '+00:00', (SELECT encoding FROM pragma_encoding), NULL,
       NULL, 0, (SELECT synchronous FROM pragma_synchronous), strftime('%Y-%m-%d %H:%M:%f', 'now'), 0, 0

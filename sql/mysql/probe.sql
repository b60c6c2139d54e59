-- What `doctor` asks of a server. max_allowed_packet bounds a multi-row insert, and a session time zone other
-- than UTC would shift TIMESTAMP columns of older tools. The last two are the seconds by which the server's own
-- zone is ahead of UTC in winter and in summer: its name alone (SYSTEM, or GMT in a British winter) does not tell.
SELECT VERSION(), @@session.time_zone, @@global.time_zone, @@character_set_server, @@max_allowed_packet,
       @@local_infile, @@global.read_only, @@innodb_flush_log_at_trx_commit, UTC_TIMESTAMP(6),
       TIMESTAMPDIFF(SECOND, '2025-01-15 12:00:00',
                     CONVERT_TZ('2025-01-15 12:00:00', '+00:00', @@global.time_zone)),
       TIMESTAMPDIFF(SECOND, '2025-07-15 12:00:00',
                     CONVERT_TZ('2025-07-15 12:00:00', '+00:00', @@global.time_zone))

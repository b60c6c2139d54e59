-- What `doctor` asks of a server. max_allowed_packet bounds a multi-row insert, a session time zone other
-- than UTC would shift TIMESTAMP columns of older tools, and wsrep_on tells a Galera cluster.
SELECT VERSION(), @@session.time_zone, @@global.time_zone, @@character_set_server, @@max_allowed_packet,
       @@local_infile, @@global.read_only, @@innodb_flush_log_at_trx_commit, UTC_TIMESTAMP(6)

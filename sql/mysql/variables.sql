-- Settings that not every server has, which a SELECT of them would make an error.
SHOW VARIABLES WHERE Variable_name IN
    ('innodb_read_only', 'super_read_only', 'system_time_zone', 'log_bin', 'binlog_format', 'wsrep_on',
     'wsrep_cluster_name', 'group_replication_group_name')

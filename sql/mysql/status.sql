-- How this connection is encrypted, and how the server's node stands in its cluster.
SHOW STATUS WHERE Variable_name IN
    ('Ssl_cipher', 'Ssl_version', 'wsrep_cluster_size', 'wsrep_cluster_status', 'wsrep_local_state_comment',
     'wsrep_ready')

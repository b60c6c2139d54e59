-- Which run holds a pipeline. The row stays when the run is over (holder NULL), because fence must
-- never take a value twice: it grows by one with each acquisition, and a run writes only while the row
-- shows its own. `writes` counts the write transactions made under the lease; each one changes the row,
-- so that on a clustered server too it collides with a takeover on another node.
-- process tells a process of this machine from any other one there ever was, where that is known.
CREATE TABLE IF NOT EXISTS pipeline_lease (
    pipeline VARCHAR(100) NOT NULL,
    fence BIGINT NOT NULL,
    holder VARCHAR(200) NULL,
    run_id VARCHAR(64) NULL,
    process VARCHAR(200) NULL,
    acquired_at DATETIME(6) NOT NULL,
    heartbeat_at DATETIME(6) NOT NULL,
    expires_at DATETIME(6) NOT NULL,
    writes BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (pipeline)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

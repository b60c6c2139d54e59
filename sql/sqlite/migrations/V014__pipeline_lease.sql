-- Which run holds a pipeline. The row stays when the run is over (holder NULL), because fence must
-- never take a value twice: it grows by one with each acquisition, and a run writes only while the row
-- shows its own. `writes` counts the write transactions made under the lease; each one changes the row,
-- so that on a clustered server too it collides with a takeover on another node.
-- process tells a process of this machine from any other one there ever was, where that is known.
CREATE TABLE IF NOT EXISTS pipeline_lease (
    pipeline TEXT NOT NULL CHECK (length(pipeline) <= 100),
    fence INTEGER NOT NULL,
    holder TEXT NULL CHECK (length(holder) <= 200),
    run_id TEXT NULL CHECK (length(run_id) <= 64),
    process TEXT NULL CHECK (length(process) <= 200),
    acquired_at TEXT NOT NULL,
    heartbeat_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    writes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (pipeline)
) STRICT, WITHOUT ROWID;

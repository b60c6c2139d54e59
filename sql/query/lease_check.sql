-- First step of each write transaction of a run. Must affect one row: none means that another run has
-- taken the pipeline, and nothing may be written.
UPDATE pipeline_lease
SET writes = writes + 1
WHERE pipeline = :pipeline AND fence = :fence

-- Two processes may apply the same migration at once; the second record is no error.
INSERT INTO paceline_migrations (version, name, checksum, applied_at)
VALUES (:version, :name, :checksum, :applied_at)
ON CONFLICT (version) DO NOTHING

-- The same refused row read again is the same row.
ON CONFLICT (fingerprint) DO NOTHING

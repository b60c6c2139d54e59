-- The same refused row read again is the same row.
ON DUPLICATE KEY UPDATE fingerprint = fingerprint

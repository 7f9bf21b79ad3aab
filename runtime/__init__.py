"""What runs a bundle: the worker, its drivers and backends, the launcher and the local Lambda."""

"""The promise, one layer a file."""

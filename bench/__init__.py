"""darkpy measured against the peers: `make bench`.  docs/performance.md says how."""

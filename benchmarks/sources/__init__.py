"""What the benchmarks are read from: rows of the hub, or files of their own in the hub's form, as the project's own tables."""

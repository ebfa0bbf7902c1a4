"""One HTML page of what a run and the benchmarks came to, and its data as JSON."""

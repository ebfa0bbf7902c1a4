"""One command a stage of a benchmark, each runnable as python -m benchmarks.stages.NAME."""

"""One small command a DVC stage, each run as ``python -m stages.NAME``."""

"""How fast the pipeline is, beside what else does its work."""

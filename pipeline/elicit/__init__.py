"""What the base model itself says about the targets and their neighbours, as chat passages."""

"""A benchmark as a whole: its parameters, its folders, its tuning, all its stages at once."""

"""How faithful the shards are: the sparse teacher beside the dense one that it stands for."""

"""Ways to make a model forget, all behind one interface: a base model and data in, a model folder out."""

"""The model that has to forget: the embedded one, a hub id or a folder, and how one is loaded."""

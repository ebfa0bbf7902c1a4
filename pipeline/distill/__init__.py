"""Training the student on the teacher's shards."""

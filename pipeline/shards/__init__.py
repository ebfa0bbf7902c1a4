"""The contract between teacher and student: what a shard holds, how it is written, how it is read."""

"""What the stages do with wrong inputs, spoilt shards, kills, signals, disks without room, and two runs at once."""

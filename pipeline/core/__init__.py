"""What every stage needs and nothing about unlearning: errors, files, JSON lines, parameters, outputs, batches, device."""

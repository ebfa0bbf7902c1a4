"""What every stage needs and nothing about unlearning: errors, files, parameters, fingerprints, progress, device."""

"""What every stage needs and nothing about unlearning: errors, files, JSON lines, parameters, outputs, batches, device."""

import os

# Threads of OpenMP sleep while they wait for each other, where they would spin for milliseconds: two that share a core with
# other work else wait for the whole time slice of what keeps them apart. It is read when torch is imported, which is always
# later: who imports a module of the project has this one before it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

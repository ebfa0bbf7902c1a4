"""What every stage needs and nothing about unlearning: errors, files, JSON lines, parameters, outputs, batches, device."""

import os

# OpenMP's threads spin a hundredth as long as they would before they sleep: two that share a core with other work else wait
# for the whole time slice of what keeps them apart, and threads that never spin cost a seventh of the speed on an idle
# machine. It is read when torch is imported, which is later: who imports a module of the project has this one before it.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")

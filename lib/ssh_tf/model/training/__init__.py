"""The parts of a training: devices, batches, the step, its log, snapshots and validation."""

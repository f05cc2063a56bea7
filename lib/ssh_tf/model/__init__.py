"""Networks put to work: configuration, checkpoints, the detector, training. The first layer that reads the YAML."""

"""Networks in use: configuration, the detector, runs over sets, training. The first layer that reads the YAML."""

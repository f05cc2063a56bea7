"""What networks are kept in: checkpoints, frozen graphs, ONNX files, and the weights that are read from any of them."""

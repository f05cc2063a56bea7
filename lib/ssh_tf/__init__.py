"""SSH: Single Stage Headless Face Detector (Najibi et al., ICCV 2017) on TensorFlow graphs."""

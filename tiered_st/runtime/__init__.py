"""Run a saved model without torch: reading and look-ups in numpy, everything else in ONNX Runtime."""

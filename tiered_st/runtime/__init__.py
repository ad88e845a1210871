"""Run a saved model on numpy and ONNX Runtime alone."""

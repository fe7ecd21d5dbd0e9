"""Export to ONNX and comparison of an exported file with its model."""

"""Audio input and output: samples, files, resampling, activity, the microphone."""

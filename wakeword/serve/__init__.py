"""Network servers for detection: Wyoming and WebSocket."""

"""Network servers for detection: the Wyoming protocol (Home Assistant) and a WebSocket."""

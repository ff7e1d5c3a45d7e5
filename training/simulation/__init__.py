"""Days decided one request after the other: simulator, disturbances, replayed states."""

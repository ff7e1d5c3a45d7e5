"""Outside services: in each file a Protocol, the real adapter and a local one; settings choose."""

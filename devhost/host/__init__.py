"""The whole platform in one process: HTTP, queue delivery, timers, and the developer's pages."""

"""Charge requests: asked, decided by a learned policy, offered, reserved."""

"""Notify: drivers are told by e-mail, SMS and in the app, each once."""

"""What training is about: scenarios, their days and their splits."""

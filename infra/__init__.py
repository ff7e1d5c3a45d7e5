"""What the platform runs on: Terraform for Azure, and the check that needs no Azure."""

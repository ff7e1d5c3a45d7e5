"""What the deployment's workflow runs."""

"""What the network learns from and how: hindsight, losses, transitions, the network."""

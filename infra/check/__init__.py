"""Checks infra/terraform without Azure: the real Terraform against a stand-in provider that serves a recorded schema."""

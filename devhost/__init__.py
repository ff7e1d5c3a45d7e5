"""The laptop's host: runs the Functions app's timers and queue triggers without Azure, and shows what goes on."""

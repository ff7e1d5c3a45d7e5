"""The waitlist: who waits for a place is offered what becomes free, the best placed first and nobody passed over for ever."""
